package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// gcsPart is how much of an upload is sent at once; a multiple of 256 KiB, as the service asks for.
const gcsPart = 16 << 20

// gcsWriter uploads an object: in one request when it fits into a part, else part by part. The object is there after the last one.
type gcsWriter struct {
	ctx         context.Context // of the upload: io.Writer has no place for it
	bucket      *gcsBucket
	key         string
	contentType string
	once        bool // only when there is no such object
	part        []byte
	session     string // URL of an upload in parts, "" before the first one
	sent        int64
}

func (w *gcsWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(w.part) == gcsPart { // there is more, so this part isn't the last one
			if err := w.send(false); err != nil {
				return 0, err
			}
		}
		room := min(gcsPart-len(w.part), len(p))
		w.part = append(w.part, p[:room]...)
		p = p[room:]
	}
	return n, nil
}

func (w *gcsWriter) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.session != "" {
		return w.send(true)
	}
	response, err := w.bucket.do(w.ctx, http.MethodPost, w.address("media"), http.Header{"Content-Type": {w.contentType}}, w.part)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (w *gcsWriter) address(kind string) string {
	query := url.Values{"uploadType": {kind}, "name": {w.key}}
	if w.once {
		query.Set("ifGenerationMatch", "0")
	}
	return w.bucket.objects("/upload/storage") + "?" + query.Encode()
}

// send uploads a part. A part is sent again as a whole when its request fails.
func (w *gcsWriter) send(last bool) error {
	if w.session == "" {
		response, err := w.bucket.do(w.ctx, http.MethodPost, w.address("resumable"), http.Header{"X-Upload-Content-Type": {w.contentType}}, nil)
		if err != nil {
			return err
		}
		w.session = response.Header.Get("Location")
		if err := response.Body.Close(); err != nil {
			return err
		}
		if w.session == "" {
			return errors.New("the server gave no place for the parts of an upload")
		}
	}
	total := "*"
	if last {
		total = fmt.Sprint(w.sent + int64(len(w.part)))
	}
	at := fmt.Sprintf("bytes %d-%d/%s", w.sent, w.sent+int64(len(w.part))-1, total)
	response, err := w.bucket.do(w.ctx, http.MethodPut, w.session, http.Header{"Content-Range": {at}}, w.part)
	if err != nil {
		return err
	}
	if done := response.StatusCode != http.StatusPermanentRedirect; done != last {
		err = fmt.Errorf("the server took another part of the upload than %s", at)
	}
	w.sent += int64(len(w.part))
	w.part = w.part[:0]
	return errors.Join(err, response.Body.Close())
}
