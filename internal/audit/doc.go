// Package audit looks at what is stored and says what must not be: runs without an end or with two, statuses that
// nobody moves on, and what ended runs left behind.
//
// It shares no code with internal/ledger, which writes what is looked at here: an auditor that asked the bookkeeper
// would repeat his errors. [Snapshot.Findings] is a function of what was read; the model search of internal/ledger
// asks the same function about every state that it reaches, and the chaos suite asks it about a cluster after faults.
package audit
