package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Config names a bucket of an S3-compatible store.
type S3Config struct {
	Endpoint  string `yaml:"endpoint"` // https://HOST[:PORT]; http:// without TLS
	Bucket    string `yaml:"bucket"`   // it must exist
	Region    string `yaml:"region"`   // empty: the store is asked
	AccessKey string `yaml:"access_key"`
	SecretKey string `yaml:"secret_key"` // rather from the environment
}

// Format hides the secret from every verb.
func (c S3Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s %s %s %s}", c.Endpoint, c.Bucket, c.Region, c.AccessKey)
}

// MarshalJSON hides the secret.
func (c S3Config) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"endpoint": c.Endpoint, "bucket": c.Bucket, "region": c.Region, "access_key": c.AccessKey})
}

// Validate reports the first setting that cannot work, with its remedy.
func (c *S3Config) Validate() error {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/":
		return errors.New("s3: endpoint is no address; write https://HOST or http://HOST:PORT")
	case c.Bucket == "":
		return errors.New("s3: no bucket; name one that exists")
	case (c.AccessKey == "") != (c.SecretKey == ""):
		return errors.New("s3: access_key and secret_key go together; leave out both for the role of the machine")
	}
	return nil
}

type s3Bucket struct {
	client *minio.Client
	bucket string
}

// NewS3 returns a bucket of an S3-compatible store; nothing is asked yet. Without keys the role of the machine is
// taken, as such stores hand it out.
func NewS3(c S3Config) (Bucket, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	who := credentials.NewIAM("")
	if c.AccessKey != "" {
		who = credentials.NewStaticV4(c.AccessKey, c.SecretKey, "")
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: who, Secure: u.Scheme == "https", Region: c.Region, MaxRetries: 3})
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	return &s3Bucket{client: client, bucket: c.Bucket}, nil
}

// Put implements Bucket: an upload appears when it is complete.
func (b *s3Bucket) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	_, err := b.client.PutObject(ctx, b.bucket, name, r, size, minio.PutObjectOptions{ContentType: "application/octet-stream", NumThreads: 1})
	return b.explain("put", name, err)
}

// Get implements Bucket.
func (b *s3Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := b.client.GetObject(ctx, b.bucket, name, minio.GetObjectOptions{})
	if err == nil {
		if _, err = o.Stat(); err == nil { // GetObject itself asks nothing
			return o, nil
		}
		_ = o.Close() // beside what went wrong already
	}
	return nil, b.explain("get", name, err)
}

// List implements Bucket.
func (b *s3Bucket) List(ctx context.Context, prefix string, f func(name string, size int64)) error {
	ctx, cancel := context.WithCancel(ctx) // ends the library's goroutine
	defer cancel()
	for o := range b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return b.explain("list", prefix, o.Err)
		}
		f(o.Key, o.Size)
	}
	return ctx.Err()
}

// Delete implements Bucket.
func (b *s3Bucket) Delete(ctx context.Context, name string) error {
	err := b.explain("delete", name, b.client.RemoveObject(ctx, b.bucket, name, minio.RemoveObjectOptions{}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// explain names the place, and tells what is not there from what fails.
func (b *s3Bucket) explain(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	if answer := minio.ToErrorResponse(err); answer.Code == "NoSuchKey" || answer.StatusCode == http.StatusNotFound && answer.Code != "NoSuchBucket" {
		return fmt.Errorf("snapshots: %s %s/%s: %w", verb, b.bucket, name, fs.ErrNotExist)
	}
	return fmt.Errorf("snapshots: %s %s/%s: %w", verb, b.bucket, name, err)
}
