package main

import (
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"portrait/bench"
	"portrait/sinks/clickhouse"
)

// picture is the moving terminal view of a demo.
type picture struct {
	where  string    // how to connect
	now    frame     // newest
	p99    []float64 // of the last seconds, for the curve
	rates  []float64
	before map[string]int64 // moves of each tag a second ago
	recent map[string]int64 // moves in the last second
	width  int
	quit   bool
}

var (
	bold   = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	green  = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
	cyan   = lipgloss.NewStyle().Foreground(lipgloss.Color("6"))
)

func newPicture(d *demo) *picture {
	r := d.service.running()
	return &picture{width: 100, before: map[string]int64{}, recent: map[string]int64{},
		where: fmt.Sprintf("ClickHouse native %s  http %s  user %s, no password\nKafka %s  health and metrics http://%s",
			strings.TrimPrefix(r.ClickHouse, "clickhouse://default@"), r.ClickHouseHTTP, clickhouse.Reader, strings.Join(r.Brokers, ","), r.HTTP)}
}

// Init implements tea.Model.
func (p *picture) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (p *picture) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		p.width = msg.Width
	case tea.KeyMsg:
		if s := msg.String(); s == "q" || s == "ctrl+c" {
			p.quit = true
			return p, tea.Quit
		}
	case frame:
		p.now = msg
		p.p99 = lastOf(append(p.p99, msg.event.P99), 60)
		p.rates = lastOf(append(p.rates, msg.rate), 60)
		for tag, m := range msg.moves {
			sum := m.Entered + m.Left + m.Changed
			p.recent[tag], p.before[tag] = sum-p.before[tag], sum
		}
	}
	return p, nil
}

func lastOf(list []float64, n int) []float64 { return list[max(0, len(list)-n):] }

// View implements tea.Model.
func (p *picture) View() string {
	f := &p.now
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	share := min(1, max(0, f.elapsed.Seconds()/max(1, f.duration.Seconds())))
	line("%s   %s %3.0f s of %.0f s", bold.Render("Portrait · a private-domain shop, live"), bar(share, 24), max(0, f.elapsed.Seconds()), f.duration.Seconds())
	line("%s", faint.Render(p.where))
	line("")
	line("events    %s /s  %s   sent %d   in ClickHouse %d", bold.Render(fmt.Sprintf("%7.0f", f.rate)), cyan.Render(curve(p.rates)), f.sent, f.stored)
	line("event→tag %s     %s   %d changes, %d profiles merged", percentiles(f.event), cyan.Render(curve(p.p99)), f.changes, f.merges)
	line("timers    %s     deadline → change received", percentiles(f.timer))
	line("queryable %s     event → ClickHouse", percentiles(f.fresh))
	line("lag       events %d   inbox %d records   watermark %.2f s", f.eventsLag, f.inboxLag, f.watermarkAge.Seconds())
	line("")
	line("%-20s %9s %9s %9s   %s", "tag", "entered", "left", "changed", "this second")
	for _, tag := range p.tags() {
		m := f.moves[tag]
		line("%-20s %s %s %9d   %s", tag, green.Render(fmt.Sprintf("%9d", m.Entered)), yellow.Render(fmt.Sprintf("%9d", m.Left)), m.Changed,
			strings.Repeat("▪", int(min(40, p.recent[tag]))))
	}
	if len(f.funnel) > 0 {
		line("\nfunnel, ordered, within 10 s, by surviving profile")
		for _, s := range f.funnel {
			line("%-20s %9d   %s %5.1f %%", s.Step, s.Profiles, bar(s.Rate, 30), 100*s.Rate)
		}
	}
	line("\n%s", faint.Render("q ends the demo without its checks"))
	return b.String()
}

func (p *picture) tags() []string {
	var names []string
	for tag := range p.now.moves {
		names = append(names, tag)
	}
	slices.Sort(names)
	return names
}

func percentiles(l bench.Latency) string {
	return fmt.Sprintf("p50 %7.1f  p99 %7.1f ms", l.P50, l.P99)
}

// bar draws a share of 1.
func bar(share float64, width int) string {
	n := int(share*float64(width) + 0.5)
	return green.Render(strings.Repeat("█", n)) + faint.Render(strings.Repeat("░", width-n))
}

// curve draws values as blocks, the largest at full height.
func curve(values []float64) string {
	const blocks = "▁▂▃▄▅▆▇█"
	steps := []rune(blocks)
	if len(values) == 0 {
		return ""
	}
	top := max(slices.Max(values), 1e-9)
	var b strings.Builder
	for _, v := range lastOf(values, 30) {
		b.WriteRune(steps[int(v/top*float64(len(steps)-1)+0.5)])
	}
	return b.String()
}
