package catalog

import (
	"context"
	"reflect"
	"sync"
)

const (
	memoryClass       = "kedro.io.memory_dataset.MemoryDataset"
	sharedMemoryClass = "kedro.io.shared_memory_dataset.SharedMemoryDataset"
)

// MemoryDataset keeps data in memory for the time of a run (CAT-100). The zero value is empty and ready for use.
type MemoryDataset struct {
	mu       sync.Mutex // guards data and set
	data     any        // replaced as a whole, never changed
	set      bool
	copyMode string // "" infers it from the data
}

var _ Dataset = (*MemoryDataset)(nil)

// NewMemory returns a MemoryDataset that holds data, nil too. copyMode is deepcopy, copy, assign, or "" to choose by the
// type of the data (CAT-101).
func NewMemory(data any, copyMode string) (*MemoryDataset, error) {
	m := &MemoryDataset{copyMode: copyMode}
	if err := m.store(data); err != nil {
		return nil, err
	}
	return m, nil
}

// newParameter holds a value that nobody changes: it is copied when it is loaded only.
func newParameter(value any) *MemoryDataset { return &MemoryDataset{data: value, set: true} }

func buildMemory(spec Spec) (Dataset, error) {
	if err := spec.Arguments(nil, "data", "copy_mode", "metadata"); err != nil {
		return nil, err
	}
	mode, ok := spec.Args["copy_mode"].(string)
	if !ok && spec.Args["copy_mode"] != nil {
		mode = display(spec.Args["copy_mode"])
	}
	if data, ok := spec.Args["data"]; ok {
		return NewMemory(data, mode)
	}
	return &MemoryDataset{copyMode: mode}, nil
}

// Load returns a copy of the data.
func (m *MemoryDataset) Load(context.Context) (any, error) {
	data, set := m.held()
	if !set {
		return nil, Errorf("Data for MemoryDataset has not been saved yet.")
	}
	return copyWith(data, m.copyMode)
}

// held is what the dataset has. It is copied outside of the lock: copies may take long, and readers don't wait for each other.
func (m *MemoryDataset) held() (data any, set bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data, m.set
}

// LoadInto puts a copy of the data, converted when its type differs, into *dst.
func (m *MemoryDataset) LoadInto(ctx context.Context, dst any) error {
	data, err := m.Load(ctx)
	if err != nil {
		return err
	}
	into := reflect.ValueOf(dst).Elem()
	converted, err := Convert(data, into.Type())
	if err != nil {
		return err
	}
	if converted != nil {
		into.Set(reflect.ValueOf(converted))
	}
	return nil
}

// Save keeps a copy of data.
func (m *MemoryDataset) Save(_ context.Context, data any) error { return m.store(data) }

func (m *MemoryDataset) store(data any) error {
	copied, err := copyWith(data, m.copyMode)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data, m.set = copied, true
	return nil
}

// Exists tells whether data was saved and not released.
func (m *MemoryDataset) Exists(context.Context) (bool, error) {
	_, set := m.held()
	return set, nil
}

// Release forgets the data.
func (m *MemoryDataset) Release(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data, m.set = nil, false
	return nil
}

// Describe names the type of the data (CAT-103).
func (m *MemoryDataset) Describe() Description {
	d := Description{Type: memoryClass}
	if data, set := m.held(); set {
		d.Args = []DescribedArg{{"data", "<" + typeName(data) + ">"}}
	}
	return d
}

// Ephemeral is true: the data ends with the run.
func (m *MemoryDataset) Ephemeral() bool { return true }

// SharedMemoryDataset is the MemoryDataset of ParallelRunner (CAT-110). Kedge runs nodes in one process, so it needs no
// manager; it refuses, as Kedro's does, data that could not be handed to another process.
type SharedMemoryDataset struct{ memory MemoryDataset }

var _ Dataset = (*SharedMemoryDataset)(nil)

func buildSharedMemory(spec Spec) (Dataset, error) {
	if err := spec.Arguments(nil); err != nil {
		return nil, err
	}
	return &SharedMemoryDataset{}, nil
}

// Load returns a copy of the data.
func (s *SharedMemoryDataset) Load(ctx context.Context) (any, error) { return s.memory.Load(ctx) }

// LoadInto puts a copy of the data, converted when its type differs, into *dst.
func (s *SharedMemoryDataset) LoadInto(ctx context.Context, dst any) error {
	return s.memory.LoadInto(ctx, dst)
}

// Save keeps a copy of data; functions and channels are refused.
func (s *SharedMemoryDataset) Save(ctx context.Context, data any) error {
	switch reflect.TypeOf(data).Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return Errorf("<class '%s'> cannot be serialised. ParallelRunner implicit memory datasets can only be used with serialisable data", typeName(data))
	}
	return s.memory.Save(ctx, data)
}

// Exists tells whether data was saved and not released.
func (s *SharedMemoryDataset) Exists(ctx context.Context) (bool, error) { return s.memory.Exists(ctx) }

// Release keeps the data, as Kedro does: its manager owns it until the run ends.
func (s *SharedMemoryDataset) Release(context.Context) error { return nil }

// Describe names the type.
func (s *SharedMemoryDataset) Describe() Description { return Description{Type: sharedMemoryClass} }

// Ephemeral is true: the data ends with the run.
func (s *SharedMemoryDataset) Ephemeral() bool { return true }
