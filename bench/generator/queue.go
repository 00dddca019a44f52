package generator

// due is a person's next planned step.
type due struct {
	at     int64 // ns after the start
	person int32
}

func (d due) before(e due) bool { return d.at < e.at || d.at == e.at && d.person < e.person }

// queue is a binary heap of at most one entry per person; ties go by person, so the plan does not
// depend on the order of insertion. (container/heap costs an interface call and an allocation per step.)
type queue []due

func (q *queue) push(d due) {
	h := append(*q, d)
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
	*q = h
}

func (q *queue) pop() due {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[i]) {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	*q = h
	return top
}
