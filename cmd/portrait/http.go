package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"portrait/pipeline"
)

// httpServer answers health, metrics and lookups.
type httpServer struct {
	listener net.Listener
	server   *http.Server
	ended    chan error // of serving
}

// listen takes the address and answers at once: before the service is started with its health alone.
func listen(addr string, s *Service) (*httpServer, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("http: %w; end what listens there (another portrait?), or choose another address with `http:` in the configuration", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(s))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.started(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // profiles hold no values, only code and counts
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /readyz", s.started(s.readyz))
	mux.HandleFunc("GET /v1/profiles/{identifier...}", s.started(s.profile))
	h := &httpServer{listener: l, server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, ended: make(chan error, 1)}
	go func() { h.ended <- h.server.Serve(l) }()
	return h, nil
}

// started answers 503 with what the start waits for, until there is something to ask.
func (s *Service) started(then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if why := s.starting.Load(); why != nil {
			http.Error(w, *why, http.StatusServiceUnavailable)
			return
		}
		then(w, r)
	}
}

// waitsFor notes what the start is waiting for; empty: nothing in particular.
func (s *Service) waitsFor(what string) {
	text := "starting"
	if what != "" {
		text += ": waiting: " + what
	}
	s.starting.Store(&text)
}

// Addr is host:port.
func (h *httpServer) Addr() string { return h.listener.Addr().String() }

// Run waits until ctx ends or serving fails.
func (h *httpServer) Run(ctx context.Context) error {
	select {
	case err := <-h.ended:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := h.server.Shutdown(end); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	if err := <-h.ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return ctx.Err()
}

// Close stops listening.
func (h *httpServer) Close() { h.server.Close() }

// readyz answers 200 when this process has its share, and every inbox partition here is close to its end and can checkpoint.
func (s *Service) readyz(w http.ResponseWriter, _ *http.Request) {
	if why := s.unready(); why != "" {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// Readiness bounds: a service further behind should get no traffic that expects fresh answers.
const (
	maxReadyLag       = 50_000
	maxCheckpointAge  = 30 * time.Second
	maxSinkComplaints = 20
)

func (s *Service) unready() string {
	st := s.node.Status()
	if s.config.has(roleMachine) {
		if st.Assigned < 0 {
			return "no inbox partition is assigned yet" + because(st.Joining)
		}
		if len(st.Machines) < st.Assigned {
			return fmt.Sprintf("%d of %d inbox partitions are open", len(st.Machines), st.Assigned)
		}
	}
	if s.config.has(roleRouter) && !s.config.has(roleMachine) && len(st.Routers) == 0 {
		return "no events partition is assigned yet" + because(st.Joining)
	}
	if st.Fenced != "" {
		return st.Fenced + because(st.Joining)
	}
	if st.Clock != "" {
		return "clock: " + st.Clock
	}
	for i := range st.Machines {
		m := &st.Machines[i]
		switch {
		case m.Stopped != "":
			return m.Stopped
		case m.CheckpointError != "":
			return fmt.Sprintf("inbox %d: checkpoints stand still: %s", m.Partition, m.CheckpointError)
		case m.High-m.Position > maxReadyLag:
			return fmt.Sprintf("inbox %d: %d records behind", m.Partition, m.High-m.Position)
		case m.Uncut > 0 && time.Since(m.Checkpointed) > maxCheckpointAge:
			return fmt.Sprintf("inbox %d: last checkpoint %s ago", m.Partition, time.Since(m.Checkpointed).Round(time.Second))
		}
	}
	if n := s.trouble.Load(); n > maxSinkComplaints {
		return fmt.Sprintf("clickhouse: %d failed attempts since the last stored block", n)
	}
	return ""
}

// because joins a reason to what follows from it.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// profile answers GET /v1/profiles/TYPE:VALUE.
func (s *Service) profile(w http.ResponseWriter, r *http.Request) {
	id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/profiles/"))
	if err != nil || !strings.Contains(id, ":") {
		http.Error(w, "want /v1/profiles/TYPE:VALUE, for example device_id:a1", http.StatusBadRequest)
		return
	}
	if why := unknownType(s.node.Deployment(), id); why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	var elsewhere *pipeline.ElsewhereError
	doc, err := s.node.Lookup(ctx, id)
	switch {
	case errors.Is(err, pipeline.ErrNotFound):
		http.Error(w, "no such identifier", http.StatusNotFound)
	case errors.As(err, &elsewhere):
		sendElsewhere(w, r, elsewhere)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(doc); err != nil {
			s.log.Debug("profile answer", "error", err)
		}
	}
}

// maxRedirects bounds how often a lookup is sent on: pointers have no cycles, but owners move meanwhile.
const maxRedirects = 8

// Elsewhere is the body of the answer that names who owns a profile. The status is 307 and Location is where to
// ask next; without a known owner it is 503, and to be tried again.
type Elsewhere struct {
	Partition int    `json:"partition"` // of the inbox
	Owner     string `json:"owner"`     // host:port; empty: nobody just now
}

// sendElsewhere names the owner. The rest of the way is asked for as stored: an identifier in clear travels no
// further than the client sent it.
func sendElsewhere(w http.ResponseWriter, r *http.Request, e *pipeline.ElsewhereError) {
	w.Header().Set("Content-Type", "application/json")
	hops, err := strconv.Atoi(r.URL.Query().Get("hops"))
	status := http.StatusServiceUnavailable
	if (err != nil || hops < maxRedirects) && e.Owner != "" {
		w.Header().Set("Location", fmt.Sprintf("http://%s/v1/profiles/%s?hops=%d", e.Owner, url.PathEscape(e.Identifier), hops+1))
		status = http.StatusTemporaryRedirect
	} else {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Elsewhere{Partition: e.Partition, Owner: e.Owner}) // a client that is gone needs no answer
}

// advertised is the address that other nodes send clients to.
func advertised(c Config, listening string) string {
	if c.Advertise != "" {
		return c.Advertise
	}
	host, port, err := net.SplitHostPort(listening)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return listening
	}
	if name, err := os.Hostname(); err == nil { // listens everywhere: the machine's name is the best guess
		return net.JoinHostPort(name, port)
	}
	return listening
}
