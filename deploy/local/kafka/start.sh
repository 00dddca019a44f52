#!/bin/sh
# Starts one Apache Kafka 4.3.0 node on loopback, in the foreground. Needs Java 17 and Maven.
#
#   ./start.sh DIR [PORT]      DIR keeps the data; PORT is 9092 by default, PORT+1 the controller's
#
# The jars (54 MB) come from Maven Central once, into the user's cache.
set -eu

if [ $# -lt 1 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=${2:-9092}
for tool in java mvn; do
    command -v "$tool" >/dev/null || { echo "start.sh: $tool is missing; install Java 17 and Maven" >&2; exit 1; }
done

cache=${XDG_CACHE_HOME:-$HOME/.cache}/portrait
libs=$cache/kafka-4.3.0
if [ ! -d "$libs" ]; then
    mkdir -p "$cache"
    fresh=$(mktemp -d "$cache/kafka-4.3.0.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    echo "start.sh: fetching Apache Kafka 4.3.0 from Maven Central into $libs" >&2
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$fresh"
    # A half-filled cache is never seen: the directory appears whole. Somebody else may have been first.
    mv -T "$fresh" "$libs" 2>/dev/null || [ -d "$libs" ]
    rm -rf "$fresh"
fi

sed -e "s|@PORT@|$port|g" -e "s|@CONTROLLER_PORT@|$((port + 1))|g" -e "s|@DIR@|$dir|g" \
    "$here/server.properties" >"$dir/server.properties"
if [ ! -f "$dir/data/meta.properties" ]; then
    java -cp "$libs/*" kafka.tools.StorageTool format \
        -t "$(java -cp "$libs/*" kafka.tools.StorageTool random-uuid 2>/dev/null)" -c "$dir/server.properties"
fi
exec java -Xmx768m -cp "$libs/*" kafka.Kafka "$dir/server.properties"
