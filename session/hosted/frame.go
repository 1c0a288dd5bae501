package hosted

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	packetHeader  = 8
	packetFirst   = 1
	packetLast    = 2
	maxMessage    = 64 << 20 // bytes; larger values come as files
	maxPartial    = 256      // processes with an unfinished message at a time
	requestHeader = 4
)

// errProtocol is what a child can't be understood with.
var errProtocol = errors.New("the child doesn't follow the protocol")

// packets puts the messages of a child and of the processes that it forked together again. Each packet arrives whole,
// since it was one atomic write; packets of several processes come in any order.
type packets struct {
	r       *bufio.Reader
	partial map[uint32][]byte // by process
}

func newPackets(r io.Reader) *packets {
	return &packets{r: bufio.NewReaderSize(r, 64<<10), partial: map[uint32][]byte{}}
}

// next gives the next whole message; io.EOF at the end of the pipe.
func (p *packets) next() (*message, error) {
	for {
		text, err := p.read()
		if err != nil {
			return nil, err
		}
		if text == nil {
			continue
		}
		m := new(message)
		if err := json.Unmarshal(text, m); err != nil {
			return nil, fmt.Errorf("%w: %w", errProtocol, err)
		}
		return m, nil
	}
}

// read takes one packet and gives the message that it ends, else nil.
func (p *packets) read() ([]byte, error) {
	var header [packetHeader]byte
	if _, err := io.ReadFull(p.r, header[:]); err != nil {
		return nil, end(err)
	}
	size, flags := int(binary.BigEndian.Uint16(header[:])), header[2]
	process := binary.BigEndian.Uint32(header[4:])
	held := p.partial[process]
	if flags&packetFirst != 0 {
		held = held[:0] // a process that was killed has left half a message
	}
	start := len(held)
	if start+size > maxMessage || len(p.partial) > maxPartial {
		return nil, fmt.Errorf("%w: a message of more than %d bytes", errProtocol, maxMessage)
	}
	held = append(held, make([]byte, size)...)
	if _, err := io.ReadFull(p.r, held[start:]); err != nil {
		return nil, end(err)
	}
	if flags&packetLast == 0 {
		p.partial[process] = held
		return nil, nil
	}
	delete(p.partial, process)
	return held, nil
}

// end takes a packet that breaks off, because its writer was killed, for the end of the pipe.
func end(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// writeRequest sends a request: its size in four bytes, then JSON.
func writeRequest(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	frame := make([]byte, requestHeader, requestHeader+len(text))
	binary.BigEndian.PutUint32(frame, uint32(len(text)))
	_, err = w.Write(append(frame, text...))
	return err
}
