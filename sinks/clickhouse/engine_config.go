package clickhouse

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Reader is the read-only user that people and dashboards connect as.
const Reader = "portrait_reader"

// serverConfig keeps the engine small beside the pipeline: two cores are shared. Caches are bounded
// because a laptop's memory is. Merges take some sixteen parts at once instead of five, so that a row is written again less often:
// of the CPU of ClickHouse at 20,000 to 60,000 events/s that is a sixth to a half (bench/README.md), for a few more parts to read.
const serverConfig = `<clickhouse>
  <users_config>USERS</users_config>
  <mark_cache_size>268435456</mark_cache_size>
  <merge_tree><merge_selector_base>16</merge_selector_base></merge_tree>
  <access_control_improvements>
    <settings_constraints_replace_previous>true</settings_constraints_replace_previous>
  </access_control_improvements>
</clickhouse>
`

// usersConfig: no passwords, because the engine listens on loopback only. The reader may change the
// time limit of a query (clients derive it from a deadline) and nothing else. The default user, which
// the sink uses, may do everything.
const usersConfig = `<clickhouse>
  <profiles>
    <default></default>
    <reader>
      <readonly>1</readonly>
      <constraints>
        <max_execution_time><changeable_in_readonly/></max_execution_time>
      </constraints>
    </reader>
  </profiles>
  <quotas><default></default></quotas>
  <users>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <access_management>1</access_management>
      <named_collection_control>1</named_collection_control>
    </default>
    <READER>
      <password></password>
      <networks><ip>127.0.0.1</ip><ip>::1</ip></networks>
      <profile>reader</profile>
      <quota>default</quota>
      <grants><query>GRANT SELECT, SHOW, dictGet ON *.*</query></grants>
    </READER>
  </users>
</clickhouse>
`

func serverConfigPath(dir string) string { return filepath.Join(dir, "config.xml") }

// writeServerConfig makes the data directory and writes both files anew, so that a new version of
// portrait brings its own settings.
func writeServerConfig(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	users := filepath.Join(dir, "users.xml")
	files := map[string]string{
		users:                 strings.ReplaceAll(usersConfig, "READER", Reader),
		serverConfigPath(dir): strings.ReplaceAll(serverConfig, "USERS", users),
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("settings: %w", err)
		}
	}
	return nil
}
