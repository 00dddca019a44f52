// Command consumer keeps the tags of all profiles in memory, as schemas/tags.md describes:
//
//	go run ./deploy/examples/consumer 127.0.0.1:9092
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// record is one of either topic: a change, or a document (TagVersion and Tags).
type record struct {
	Tag, Change     string
	Value           any
	Epoch, Version  uint64
	PreviousVersion uint64 `json:"previous_version"`
	TagVersion      uint64 `json:"tag_version"`
	Tags            map[string]any
}

func main() {
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Args[1:]...), kgo.ConsumeTopics("portrait.profiles", "portrait.tags"))
	if err != nil {
		log.Fatal(err)
	}
	for profiles := make(map[string]record); err == nil; {
		fetches := client.PollFetches(context.Background())
		err = fetches.Err()
		fetches.EachRecord(func(k *kgo.Record) {
			if note := apply(profiles, k); note != "" {
				fmt.Println(string(k.Key), note)
			}
		})
	}
	log.Fatal(err)
}

// apply takes one record in, and says what it did if it was a new change.
func apply(profiles map[string]record, k *kgo.Record) (note string) {
	headers := make(map[string]uint64)
	for _, h := range k.Headers {
		headers[h.Key], _ = strconv.ParseUint(string(h.Value), 10, 64) // tag and change are no numbers: 0
	}
	r := record{Epoch: headers["epoch"], TagVersion: headers["version"]} // all that a tombstone has
	if err := json.Unmarshal(k.Value, &r); err != nil && k.Value != nil {
		log.Fatalf("%s, offset %d: %v", k.Topic, k.Offset, err)
	}
	last, change := profiles[string(k.Key)], r.Change != ""
	if !change {
		r.Version = r.TagVersion
	}
	if r.Epoch < last.Epoch || r.Epoch == last.Epoch && (r.Version < last.Version || change && r.Version == last.Version) {
		return "" // a repeat, or older than what is known
	}
	if change {
		note = fmt.Sprint(r.Change, " ", r.Tag, " ", r.Value)
		if r.Epoch == last.Epoch && r.PreviousVersion != last.Version {
			note += ", after a gap that the next document closes"
		}
		r.Tags = make(map[string]any)
		if r.Change != "merged" && r.Change != "erased" {
			maps.Copy(r.Tags, last.Tags)
		}
		switch r.Change {
		case "entered", "changed":
			r.Tags[r.Tag] = r.Value
		case "left":
			delete(r.Tags, r.Tag)
		}
	}
	profiles[string(k.Key)] = r
	return note
}
