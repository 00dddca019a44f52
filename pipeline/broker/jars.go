package broker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	local "portrait/deploy/local/kafka"
)

// fetchJars returns the directory of Apache Kafka's jars. It fills a directory of another name first
// and renames it, so that a half-filled cache is never used and two processes may do it at once.
func fetchJars(ctx context.Context, cache string) (string, error) {
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("cache of jars: %w; set a cache directory", err)
		}
		cache = filepath.Join(user, "portrait")
	}
	libs := filepath.Join(cache, "kafka-"+local.Version)
	if _, err := os.Stat(libs); err == nil {
		return libs, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("cache of jars: %w", err)
	}
	fresh, err := os.MkdirTemp(cache, "kafka-"+local.Version+".*")
	if err != nil {
		return "", fmt.Errorf("cache of jars: %w", err)
	}
	defer os.RemoveAll(fresh)
	pom := filepath.Join(fresh, "pom.xml")
	if err := os.WriteFile(pom, local.POM, 0o644); err != nil {
		return "", fmt.Errorf("cache of jars: %w", err)
	}
	maven := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+fresh)
	if out, err := maven.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch Apache Kafka %s from Maven Central: %w: %s", local.Version, err, tail(out))
	}
	if err := os.Rename(fresh, libs); err != nil {
		if _, missing := os.Stat(libs); missing != nil {
			return "", fmt.Errorf("cache of jars: %w", err)
		}
	}
	return libs, nil
}
