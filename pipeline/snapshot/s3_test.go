package snapshot

import (
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// newS3 returns a bucket of an S3 server in this process.
func newS3(t *testing.T) Bucket {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("snapshots"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	b, err := NewS3(S3Config{Endpoint: server.URL, Bucket: "snapshots", Region: "us-east-1", AccessKey: "user", SecretKey: "hush"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
