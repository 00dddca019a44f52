// Package kafka holds what a local Apache Kafka node is started from, for start.sh and for tests alike.
package kafka

import _ "embed" // the files beside this one

// Version is that of Apache Kafka in POM; caches of its jars are named after it.
const Version = "4.3.0"

// POM is the Maven project whose dependencies are the jars of one node.
//
//go:embed pom.xml
var POM []byte

// ServerProperties is the node's configuration, with @PORT@, @CONTROLLER_PORT@ and @DIR@ to replace.
//
//go:embed server.properties
var ServerProperties string
