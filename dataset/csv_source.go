package dataset

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// byteOrderMark may stand at the start of UTF-8 text.
const byteOrderMark = "\ufeff"

// compressionOf reads load_args.compression: by default the end of the file's name tells.
func compressionOf(a *args, file string) string {
	if v, ok := a.values["compression"]; ok && v == nil {
		a.known = append(a.known, "compression")
		return ""
	}
	name := a.choice("compression", "infer", "infer", "gzip", "bz2", "zstd")
	if name != "infer" {
		return name
	}
	for end, kind := range map[string]string{".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"} {
		if strings.HasSuffix(strings.ToLower(file), end) {
			return kind
		}
	}
	return ""
}

// saveCompression reads save_args.compression. As in Kedro the name of the file doesn't tell when it is written.
func saveCompression(a *args) string {
	name := a.choice("compression", "infer", "infer", "gzip", "zstd")
	if name == "infer" {
		return ""
	}
	return name
}

// plainText reads the text of a file: unpacked, as UTF-8.
func (c *csvCodec) plainText(src io.Reader) (io.Reader, error) {
	var err error
	switch c.packed {
	case "gzip":
		src, err = gzip.NewReader(src)
	case "bz2":
		src = bzip2.NewReader(src)
	case "zstd":
		var unpacker *zstd.Decoder
		if unpacker, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1)); err == nil {
			src = unpacker.IOReadCloser()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if c.charset.charmap != nil {
		src = c.charset.charmap.NewDecoder().Reader(src)
	}
	return withoutMark(src)
}

// withoutMark leaves out the byte order mark at the start of UTF-8 text.
func withoutMark(src io.Reader) (io.Reader, error) {
	start := make([]byte, len(byteOrderMark))
	n, err := io.ReadFull(src, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if string(start) == byteOrderMark {
		return src, nil
	}
	return io.MultiReader(bytes.NewReader(start[:n]), src), nil
}

// pack returns a writer that packs what is written as save_args say; it must be closed.
func (c *csvCodec) pack(w io.Writer) (io.WriteCloser, error) {
	switch c.savePacked {
	case "gzip":
		return gzip.NewWriter(w), nil
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	}
	return openWriter{w}, nil
}

// openWriter stays open when it is closed.
type openWriter struct{ io.Writer }

func (openWriter) Close() error { return nil }
