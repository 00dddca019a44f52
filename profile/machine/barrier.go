package machine

import (
	"fmt"

	"portrait/schemas"
	"portrait/schemas/wire"
)

// BarrierError says that the log goes on under a newer version of the logic, behind the position the machine has
// reached. Everything before it was applied and may be checkpointed. It wraps ErrBarrier.
type BarrierError struct{ Version int }

// Error implements error.
func (e *BarrierError) Error() string {
	return fmt.Sprintf("logic version %d goes on from here, this binary is version %d: %v", e.Version, schemas.LogicVersion, ErrBarrier)
}

// Unwrap returns ErrBarrier.
func (e *BarrierError) Unwrap() error { return ErrBarrier }

// Logic is the version of the logic that the state goes on under; 0 before the inbox's first record.
func (m *Machine) Logic() int { return int(m.meta.logic) }

// ours refuses a record that an older version of the logic has to apply: a state short of its barrier goes on
// here with the barrier, and with nothing else.
func (m *Machine) ours(r *wire.InboxRecord) error {
	if m.meta.logic == 0 || m.meta.logic == schemas.LogicVersion {
		return nil
	}
	if len(r.Controls) > 0 && r.Controls[0].Kind == wire.CtlBarrier && r.Controls[0].Version == schemas.LogicVersion {
		return nil
	}
	return fmt.Errorf("the state is short of the barrier to logic version %d: binaries of version %d bring it there: %w",
		schemas.LogicVersion, m.meta.logic, ErrBarrier)
}
