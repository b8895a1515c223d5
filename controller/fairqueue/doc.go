// Package fairqueue orders the controller's work so that nobody waits long
// behind somebody else's.
//
// There are two lanes: fresh, for what a user has just changed, and backlog, for
// what is tried again or judged again. While both have work they take turns, so
// that a fresh change gets at least every second turn, however long the backlog
// is. Within a lane namespaces take turns. No namespace, and not the backlog as
// a whole, ever holds all workers.
//
// Queue is a controller-runtime priority queue to its callers: a priority below
// zero is the backlog.
package fairqueue
