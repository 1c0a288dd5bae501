package pipeline

// Transient marks an error of a node or dataset as one that another attempt may not
// meet: a service that is down, a lock that is held. A run that fails with it is
// started again, up to 3 attempts where no retry policy says another number. An error
// type says the same by a method Retryable() bool. nil stays nil.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return &transientError{err}
}

// Permanent marks an error that every attempt would meet: no retry policy starts the
// run again. An error type says the same by a method Permanent() bool. nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// transientError has the text and the chain of its cause.
type transientError struct{ error }

func (e *transientError) Unwrap() error   { return e.error }
func (e *transientError) Retryable() bool { return true }

// permanentError has the text and the chain of its cause.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error   { return e.error }
func (e *permanentError) Permanent() bool { return true }
