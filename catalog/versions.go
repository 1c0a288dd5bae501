package catalog

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kedge-run/kedge/internal/mask"
	"github.com/rs/zerolog"
)

// Timestamp returns a new version: the time as Kedro writes it, in UTC with milliseconds.
func Timestamp() string { return time.Now().UTC().Format("2006-01-02T15.04.05.000Z") }

// VersionStore is where versioned files live: the local disk, an object store.
type VersionStore interface {
	// Exists tells whether there is something at a path.
	Exists(ctx context.Context, name string) (bool, error)
	// List names the entries of a folder; none for a folder that doesn't exist.
	List(ctx context.Context, folder string) ([]string, error)
}

// VersionedPath is the path of a dataset's file and, when versioning is on, of its versions:
// path/version/name (CAT-063). It is safe for concurrent use.
type VersionedPath struct {
	path     string
	version  *Version
	store    VersionStore
	describe func() Description // the dataset, for messages

	mu      sync.Mutex // guards the fields below
	latest  string     // newest version found, "" when not looked up
	savesTo string     // generated save version, "" when none was needed
}

// NewVersionedPath returns the path of a dataset. version is nil when versioning is off.
func NewVersionedPath(name string, version *Version, store VersionStore, describe func() Description) *VersionedPath {
	return &VersionedPath{path: name, version: version, store: store, describe: describe}
}

// Path returns the path without a version.
func (p *VersionedPath) Path() string { return p.path }

// Version returns what the path was made with; nil when versioning is off.
func (p *VersionedPath) Version() *Version { return p.version }

// unsafeVersion tells whether a version would leave its folder (CAT-063).
func unsafeVersion(version string) bool {
	return version == "" || strings.ContainsAny(version, `/\`) || version == "." || version == ".."
}

func (p *VersionedPath) at(version string) (string, error) {
	if unsafeVersion(version) {
		return "", Errorf("Version string '%s' is not allowed. Version strings must be a single non-empty path component with no path separators ('/' or '\\') and must not be '.' or '..'.", version)
	}
	return p.path + "/" + version + "/" + path.Base(p.path), nil
}

// Versions lists the versions that exist, newest first (CAT-071).
func (p *VersionedPath) Versions(ctx context.Context) ([]string, error) {
	var found []string
	for version, err := range p.versions(ctx) {
		if err != nil {
			return nil, err
		}
		found = append(found, version)
	}
	return found, nil
}

// versions yields the versions that exist, newest first. It asks for each one when it comes to it: the newest is found by two
// requests to an object store, however many there are.
func (p *VersionedPath) versions(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		names, err := p.store.List(ctx, p.path)
		if err != nil {
			yield("", p.unlistable(err))
			return
		}
		slices.Sort(names)
		for _, name := range slices.Backward(names) {
			full, err := p.at(name)
			if err != nil {
				continue
			}
			ok, err := p.store.Exists(ctx, full)
			if err != nil {
				err = p.unlistable(err)
			}
			if (ok || err != nil) && !yield(name, err) {
				return
			}
		}
	}
}

func (p *VersionedPath) unlistable(err error) error {
	err = FileError(err)
	return &DatasetError{Kind: kindVersionNotFound, Err: err,
		Message: "Did not find any versions for " + p.describe().String() + ". This could be due to insufficient permission. Exception: " + err.Error()}
}

// LoadVersion returns the version to load: the pinned one, or the newest that exists; "" when versioning is off (CAT-064).
func (p *VersionedPath) LoadVersion(ctx context.Context) (string, error) {
	if p.version == nil {
		return "", nil
	}
	if p.version.Load != "" {
		return p.version.Load, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest != "" {
		return p.latest, nil
	}
	for version, err := range p.versions(ctx) {
		if err != nil {
			return "", err
		}
		p.latest = version
		return version, nil
	}
	return "", &DatasetError{Kind: kindVersionNotFound, Message: "Did not find any versions for " + p.describe().String()}
}

// LoadPath returns the path to load from.
func (p *VersionedPath) LoadPath(ctx context.Context) (string, error) {
	if p.version == nil {
		return p.path, nil
	}
	version, err := p.LoadVersion(ctx)
	if err != nil {
		return "", err
	}
	return p.at(version)
}

// SaveVersion returns the version to save: the given one, or a timestamp made once; "" when versioning is off (CAT-066).
func (p *VersionedPath) SaveVersion() string {
	if p.version == nil {
		return ""
	}
	if p.version.Save != "" {
		return p.version.Save
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.savesTo == "" {
		p.savesTo = Timestamp()
	}
	return p.savesTo
}

// Release forgets the versions found and made (CAT-070).
func (p *VersionedPath) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest, p.savesTo = "", ""
}

// Save calls write with the path to write to, and looks after the versions before and behind it (CAT-067 to CAT-070).
func (p *VersionedPath) Save(ctx context.Context, write func(name string) error) error {
	if p.version == nil {
		return write(p.path)
	}
	p.Release()
	version := p.SaveVersion()
	target, err := p.at(version)
	if err != nil {
		return err
	}
	if err := p.free(ctx, target); err != nil {
		return err
	}
	if err := write(target); err != nil {
		if occupied(err) {
			return p.occupiedError(err)
		}
		return err
	}
	return p.checkConsistency(ctx, version)
}

func (p *VersionedPath) free(ctx context.Context, target string) error {
	there, err := p.store.Exists(ctx, target)
	if err != nil && !occupied(err) {
		return err
	}
	if there {
		return Errorf("Save path '%s' for %s must not exist if versioning is enabled.", mask.URL(target), p.describe())
	}
	return nil
}

// occupied tells whether a path can't be made because a file stands where a folder is needed.
func occupied(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrNotExist)
}

func (p *VersionedPath) occupiedError(err error) error {
	name, parent, whole := mask.URL(path.Base(p.path)), mask.URL(path.Dir(p.path)), mask.URL(p.path)
	return &DatasetError{Err: err, Message: "Cannot save versioned dataset '" + name + "' to '" + parent + "' because a file with the same name already exists in the directory. " +
		"This is likely because versioning was enabled on a dataset already saved previously. Either remove '" + name + "' from the directory or manually " +
		"convert it into a versioned dataset by placing it in a versioned directory (e.g. with default versioning format '" +
		whole + "/YYYY-MM-DDThh.mm.ss.sssZ/" + name + "')."}
}

// checkConsistency warns when another version than the one just saved is what loads (CAT-069).
func (p *VersionedPath) checkConsistency(ctx context.Context, saved string) error {
	loads, err := p.LoadVersion(ctx)
	if err != nil || loads == saved {
		return err
	}
	zerolog.Ctx(ctx).Warn().Str("logger", "py.warnings").Str("category", "UserWarning").
		Msgf("Save version '%s' did not match load version '%s' for %s. This is strongly discouraged due to inconsistencies it may cause between 'save' and 'load' operations. "+
			"Please refrain from setting exact load version for intermediate datasets where possible to avoid this warning.", saved, loads, p.describe())
	p.Release()
	return nil
}
