package router

// ClockGuard watches a process's wall clock. The wall is suspect while it has moved by more than
// MaxClockParting more or less than the monotonic clock since it was last known to be right (at first: since
// the first look), and while it is shown to run ahead of the brokers' clock, which all routers have in
// common. A wall that is behind only makes timers late, and is not suspect for that.
//
// Who shows it is a record that the broker stamped when it was appended. Its append lies between two looks
// at our wall: before asked the partition's end lay in front of it, and at got it was here. So our wall was
// at that moment between asked - stamped and got - stamped ahead of the broker's.
type ClockGuard struct {
	started    bool
	wall, mono int64 // both clocks when the wall was last known to be right, in ms
	ahead      bool  // the last witness proved that the wall is ahead
}

// Suspect takes both clocks, in ms, and says whether the wall may not be used.
func (g *ClockGuard) Suspect(wall, mono int64) bool {
	if !g.started {
		g.started, g.wall, g.mono = true, wall, mono
	}
	apart := (wall - g.wall) - (mono - g.mono)
	return g.ahead || apart > MaxClockParting || apart < -MaxClockParting
}

// Witness takes what one record stamped by the broker shows: our wall before its partition was found to
// end in front of it, the broker's stamp, and both of our clocks when it was here, all in ms. A wall that
// is not ahead by more than MaxClockParting is right from here on: after a suspension the clocks have
// parted for good, and nothing else would tell.
func (g *ClockGuard) Witness(asked, stamped, got, mono int64) {
	switch {
	case asked-stamped > MaxClockParting:
		g.ahead = true
	case got-stamped <= MaxClockParting:
		g.started, g.wall, g.mono, g.ahead = true, got, mono, false
	}
}
