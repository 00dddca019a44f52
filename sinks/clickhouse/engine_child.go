package clickhouse

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ChildArg is the first argument of the child process that is the engine.
const ChildArg = "clickhouse-engine-child"

// IsChild reports whether this process was started as the engine: main and TestMain then end with
// os.Exit(ChildMain(os.Args[2:])) before doing anything else.
func IsChild() bool { return len(os.Args) > 2 && os.Args[1] == ChildArg }

// heldLimit is how long a child waits for a directory that another engine still holds.
const heldLimit = 15 * time.Second

// serve keeps the engine running: the last query ends when stdin does.
const serve = "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; SELECT count() FROM table"

// ChildMain is the engine's process: it loads the library, serves until stdin is closed and returns
// the exit code. Arguments: library, data directory, native port, HTTP port.
func ChildMain(args []string) int {
	if len(args) != 4 {
		fmt.Fprintf(os.Stderr, "clickhouse engine: %d arguments; portrait starts this process itself\n", len(args))
		return 2
	}
	if err := serveEngine(args[0], args[1], args[2], args[3]); err != nil {
		fmt.Fprintf(os.Stderr, "clickhouse engine: %v\n", err)
		return 1
	}
	return 0
}

func serveEngine(library, dir, tcp, http string) error {
	runtime.LockOSThread() // the engine keeps state per thread
	lock, err := lockFile(context.Background(), filepath.Join(dir, "lock"), heldLimit)
	if err != nil {
		return fmt.Errorf("data directory %s is in use by another engine: %w", dir, err)
	}
	defer lock.Close()
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("load: %w; remove the file and start again to fetch it anew", err)
	}
	var signals func(int32)
	var cmdline func(int32, unsafe.Pointer) unsafe.Pointer
	var failure func(unsafe.Pointer) string
	purego.RegisterLibFunc(&signals, handle, "chdb_set_signal_handlers_enabled")
	purego.RegisterLibFunc(&cmdline, handle, "chdb_query_cmdline")
	purego.RegisterLibFunc(&failure, handle, "chdb_result_error")
	yieldCPU()
	signals(0) // Go's runtime owns the signals of this process
	argv := cStrings("clickhouse", "--config-file="+serverConfigPath(dir), "--path="+filepath.Join(dir, "data"),
		"--listen_host=127.0.0.1", "--tcp_port="+tcp, "--http_port="+http,
		"--input-format=LineAsString", "--query", serve)
	result := cmdline(int32(len(argv)-1), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if result == nil {
		return fmt.Errorf("the engine ended without a result")
	}
	if text := failure(result); text != "" {
		return fmt.Errorf("the engine ended: %s", text)
	}
	return nil
}

// cStrings returns argv as C wants it: pointers to texts that end with a zero, and a nil.
func cStrings(texts ...string) []*byte {
	argv := make([]*byte, 0, len(texts)+1)
	for _, t := range texts {
		b := append([]byte(t), 0)
		argv = append(argv, &b[0])
	}
	return append(argv, nil)
}
