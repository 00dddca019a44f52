package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"portrait/pipeline"
	"portrait/pipeline/snapshot"
)

// envS3Secret is the secret of the object store.
const envS3Secret = "PORTRAIT_S3_SECRET_KEY"

// SnapshotsConfig says where copies of the partitions' state go. Without dir and s3 there are none.
type SnapshotsConfig struct {
	Dir             string            `yaml:"dir"` // a directory that all nodes see
	S3              snapshot.S3Config `yaml:"s3"`  // or an S3-compatible store
	KeyFile         string            `yaml:"key_file"`
	IntervalSeconds int               `yaml:"interval_seconds"`
	Keep            int               `yaml:"keep"`
}

// Bounds of snapshots: an interval above an hour makes a hand-over a replay of hours, and nobody keeps 1,000 bases.
const (
	maxSnapshotInterval = 3600
	maxSnapshotsKept    = 1000
)

// on reports whether snapshots are configured.
func (c *SnapshotsConfig) on() bool { return c.Dir != "" || c.S3 != (snapshot.S3Config{}) }

// check reports every setting that cannot work.
func (c *SnapshotsConfig) check(k *configChecker) {
	if c.Dir != "" && c.S3 != (snapshot.S3Config{}) {
		k.fail("snapshots.dir", "keep one of them", "both a directory and s3")
	}
	if c.S3 != (snapshot.S3Config{}) {
		if err := c.S3.Validate(); err != nil {
			what, remedy, _ := strings.Cut(strings.TrimPrefix(err.Error(), "s3: "), "; ")
			if strings.Contains(what, "secret_key") {
				remedy = "set " + envS3Secret + " beside access_key, or leave out both for the role of the machine"
			}
			k.fail("snapshots.s3", remedy, "%s", what)
		}
	}
	if c.IntervalSeconds < 0 || c.IntervalSeconds > maxSnapshotInterval {
		k.fail("snapshots.interval_seconds", fmt.Sprintf("1 to %d, or leave it out for 10", maxSnapshotInterval), "an interval of %d s", c.IntervalSeconds)
	}
	if c.Keep < 0 || c.Keep > maxSnapshotsKept {
		k.fail("snapshots.keep", fmt.Sprintf("1 to %d, or leave it out for 2", maxSnapshotsKept), "%d bases", c.Keep)
	}
}

// takeSecret lets the object store's secret come from the environment.
func (c *SnapshotsConfig) takeSecret(env func(string) string) {
	if p := env(envS3Secret); c.S3.AccessKey != "" && p != "" && (p != notSet || c.S3.SecretKey == "") {
		c.S3.SecretKey = p
	}
}

// bucket returns where snapshots are kept; nil if there are none.
func (c *SnapshotsConfig) bucket() (snapshot.Bucket, error) {
	switch {
	case c.Dir != "":
		return snapshot.NewDirectory(c.Dir)
	case c.on():
		return snapshot.NewS3(c.S3)
	}
	return nil, nil
}

// open returns what a node needs.
func (c *SnapshotsConfig) open() (s pipeline.SnapshotConfig, err error) {
	if !c.on() {
		return s, nil
	}
	s.Interval, s.Keep = time.Duration(c.IntervalSeconds)*time.Second, c.Keep
	if s.Key, err = snapshot.LoadKey(os.Getenv(snapshot.EnvKey), c.KeyFile); err != nil {
		return s, err
	}
	s.Bucket, err = c.bucket()
	return s, err
}
