// Package generator plans the traffic of a live private-domain shop: who does what when, as the very
// bytes and keys of Kafka records. It is a function of its seed: no clock, no I/O, no goroutine.
//
// Vocabulary. A record's place in the plan is its sequence number; its planned time is start + seq/rate,
// whatever the pipeline does (open loop). A person plays a script first (an archetype: how somebody
// becomes known, script.go), then visits the shop (shop.go): looks, fills a cart, pays or not, checks in,
// invites, goes away for a while or for good. Places of the plan in which no step is due are filled by
// people browsing under the identifiers of their latest event.
//
// # Why the truth is unambiguous
//
// With weak identifiers and limits the outcome of the identity protocol depends on the interleaving, so the
// scripts leave it no choice:
//
//   - Strong identifiers of one person are joined by events that carry two of them: such an edge is through
//     a strong identifier and is refused only by a limit, and nobody comes near a limit (customer_id 1 of 1, which
//     only one person ever sends; phone 2 of 3, device_id 2 of 20).
//   - A weak identifier (device, anonymous id) is first seen alone or beside one strong identifier, and
//     joined to the person before the person's profile meets another strong one through it. If the same
//     event also carries an edge through a strong identifier, a refusal of the weak edge is moot: the strong edge
//     brings the device along.
//   - The owner of a shared tablet logs in on it at least eight seconds (handover) before anybody else
//     appears there. Then the tablet's profile is strong, and every event of a guest is anchored on the
//     guest's own phone, so its edge to the tablet is refused for good and the event counts for the guest.
//     Guests send nothing anonymous on the tablet. The household shares a Kafka key, so the router reads
//     owner and guests in the order sent.
//   - A merge takes 10 to 100 ms; before each step that joins identities a person is quiet for at least
//     2.5 s (quiet): nothing new is linked meanwhile, though events of the state reached may come.
//   - Whoever arrives too late for the script to end before the run does is known by phone only.
//   - Carts are paid at once only when the identities that filled and pay have been one for seconds, or (anonymousCart)
//     the login lies between: so no cart waits in one profile while another pays.
//   - Only events of people who have settled are sent twice: while two profiles merge, duplicate
//     detection may miss one (DESIGN.md section 3).
//
// Times of one person's events never share a millisecond, so "latest" needs no tie to be broken.
package generator
