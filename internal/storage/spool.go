package storage

import (
	"errors"
	"io"
	"os"
)

// spooled is an open file of a store that gives bytes in order. The first ReadAt or Seek copies it to a temporary file.
type spooled struct {
	source io.ReadCloser
	begun  bool     // bytes were read from the source
	file   *os.File // the copy, nil until it is needed
}

func (s *spooled) Read(p []byte) (int, error) {
	if s.file != nil {
		return s.file.Read(p)
	}
	s.begun = true
	return s.source.Read(p)
}

// ReadAt reads anywhere. It is safe for concurrent use once it, or Seek, was called.
func (s *spooled) ReadAt(p []byte, at int64) (int, error) {
	if err := s.spool(); err != nil {
		return 0, err
	}
	return s.file.ReadAt(p, at)
}

func (s *spooled) Seek(offset int64, whence int) (int64, error) {
	if err := s.spool(); err != nil {
		return 0, err
	}
	return s.file.Seek(offset, whence)
}

func (s *spooled) spool() error {
	if s.file != nil {
		return nil
	}
	if s.begun {
		return errors.New("seek after a read: what was read is gone")
	}
	file, err := os.CreateTemp("", "kedge-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(file, s.source)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	s.file = file
	return nil
}

func (s *spooled) Close() error {
	err := s.source.Close()
	if s.file != nil {
		err = errors.Join(err, s.file.Close(), os.Remove(s.file.Name()))
	}
	return err
}
