package dataset

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// apiRequest is a request as the arguments of Python's requests describe it.
type apiRequest struct {
	method         string
	url            string // params included
	header         http.Header
	cookies        []*http.Cookie
	user, password string
	signed         bool // user and password are to be sent
	body           apiBody
	timeout        time.Duration // 0 is none
	client         *http.Client
}

// apiBody is a body with its type.
type apiBody struct {
	kind string
	text []byte
}

// read reads the arguments.
func (r *apiRequest) read(a *args, address string, credentials any) error {
	r.header = http.Header{}
	for name, value := range a.texted("headers") {
		r.header.Set(name, value)
	}
	for name, value := range a.texted("cookies") {
		r.cookies = append(r.cookies, &http.Cookie{Name: name, Value: value})
	}
	r.timeout = r.readTimeout(a)
	auth, given := a.get("auth")
	if given && credentials != nil {
		return &catalog.Exception{Type: "ValueError", Message: "Cannot specify both auth and credentials."}
	}
	if credentials != nil {
		auth = credentials
	}
	if auth != nil {
		pair, ok := auth.([]any)
		if !ok || len(pair) != 2 {
			return &catalog.ArgumentError{Message: "credentials must be a list of a login and a password; other ways to sign in go into headers"}
		}
		r.user, r.password, r.signed = fmt.Sprint(pair[0]), fmt.Sprint(pair[1]), true
	}
	if err := firstError(r.readAddress(a, address), r.readBody(a), r.readClient(a)); err != nil {
		return err
	}
	a.known = append(a.known, "stream")
	return a.done()
}

// texted returns a mapping whose values are written as texts; null leaves one out.
func (a *args) texted(key string) map[string]string {
	v, _ := a.get(key)
	values, ok := v.(map[string]any)
	if !ok && v != nil {
		a.fail(key, "must be a mapping, got %s", catalog.TypeName(v))
	}
	out := map[string]string{}
	for name, value := range values {
		if value != nil {
			out[name] = pyyaml.Str(value)
		}
	}
	return out
}

// readTimeout reads seconds, or a pair of them for connecting and for reading; both together limit a request here.
func (r *apiRequest) readTimeout(a *args) time.Duration {
	v, ok := a.get("timeout")
	if !ok && r.method != http.MethodGet {
		return 60 * time.Second
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var total float64
	for _, part := range list {
		switch n := part.(type) {
		case nil:
		case int:
			total += float64(n)
		case float64:
			total += n
		default:
			a.fail("timeout", "must be seconds or a pair of them, got %v", v)
		}
	}
	return time.Duration(total * float64(time.Second))
}

// readAddress adds params to the URL: a mapping whose values may be lists, or a text.
func (r *apiRequest) readAddress(a *args, address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return &catalog.ArgumentError{Message: "url must begin with http:// or https:// and a host"}
	}
	added := ""
	switch params, _ := a.get("params"); params := params.(type) {
	case nil:
	case string:
		added = params
	case map[string]any:
		added = formOf(params).Encode()
	default:
		a.fail("params", "must be a mapping or a text, got %s", catalog.TypeName(params))
	}
	if parsed.RawQuery != "" && added != "" {
		added = "&" + added
	}
	parsed.RawQuery += added
	r.url = parsed.String()
	return nil
}

func formOf(values map[string]any) url.Values {
	form := url.Values{}
	for name, value := range values {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, one := range list {
			if one != nil {
				form.Add(name, pyyaml.Str(one))
			}
		}
	}
	return form
}

// readBody reads what is sent with a GET: json, or data as a form or a text.
func (r *apiRequest) readBody(a *args) error {
	data, _ := a.get("data")
	value, given := a.get("json")
	switch data := data.(type) {
	case nil:
	case string:
		r.body = apiBody{text: []byte(data)}
	case map[string]any:
		r.body = apiBody{kind: "application/x-www-form-urlencoded", text: []byte(formOf(data).Encode())}
	default:
		a.fail("data", "must be a mapping or a text, got %s", catalog.TypeName(data))
	}
	if !given || data != nil {
		return nil
	}
	var err error
	r.body, err = jsonBody(value)
	return err
}

// jsonBody writes a value as JSON; a text or bytes are JSON already.
func jsonBody(data any) (apiBody, error) {
	var text []byte
	switch v := data.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	}
	if text != nil {
		value, err := decodeJSON(text)
		if err != nil {
			return apiBody{}, err
		}
		data = value
	}
	var out bytes.Buffer
	err := jsonCodec{indent: -1, ascii: true, refuseNaN: true}.encode(context.Background(), &out, data)
	return apiBody{kind: "application/json", text: out.Bytes()}, err
}

// readClient makes a client of its own for arguments that need one.
func (r *apiRequest) readClient(a *args) error {
	verify, _ := a.get("verify")
	cert, _ := a.get("cert")
	follow := a.boolean("allow_redirects", true)
	if verify == nil && cert == nil && follow {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	switch v := verify.(type) {
	case nil:
	case bool:
		config.InsecureSkipVerify = !v
	case string:
		text, err := os.ReadFile(v)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("verify: no certificate in %s", v)
		}
	default:
		a.fail("verify", "must be true, false or the path of certificates, got %v", v)
	}
	if files := a.texts("cert"); files != nil {
		pair, err := tls.LoadX509KeyPair(files[0], files[len(files)-1]) // one file may hold both
		if err != nil {
			return fmt.Errorf("cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	r.client = &http.Client{Transport: transport}
	if !follow {
		r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return nil
}

// send sends the request and reads the whole answer.
func (r *apiRequest) send(ctx context.Context, body apiBody) (*Response, error) {
	if r.timeout > 0 {
		var cancel context.CancelFunc
		// A cause of its own, since the end of a run's time is another thing.
		ctx, cancel = context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("no answer within %s", r.timeout))
		defer cancel()
	}
	request, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(body.text))
	if err != nil {
		return nil, err
	}
	if body.kind != "" {
		request.Header.Set("Content-Type", body.kind)
	}
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		request.Header[name] = r.header[name]
	}
	for _, cookie := range r.cookies {
		request.AddCookie(cookie)
	}
	if r.signed {
		request.SetBasicAuth(r.user, r.password)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, firstError(context.Cause(ctx), err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, firstError(context.Cause(ctx), err)
	}
	return &Response{Status: response.StatusCode, Header: response.Header, Body: text}, nil
}
