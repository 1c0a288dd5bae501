package dataset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/mask"
)

const apiClass = "kedro_datasets.api.api_dataset.APIDataset"

// Response is what a server answered: what a load of an APIDataset gives. A node may also ask for the body as a string, as []byte, or
// as any type that its JSON fits.
type Response struct {
	Status int // such as 200
	Header http.Header
	Body   []byte
}

var _ catalog.Converter = (*Response)(nil)

// Text returns the body as a text.
func (r *Response) Text() string { return string(r.Body) }

// JSON returns the value that the body holds as JSON.
func (r *Response) JSON() (any, error) { return decodeJSON(r.Body) }

// ConvertTo gives the body as a text, as bytes, or what its JSON becomes as another type.
func (r *Response) ConvertTo(want reflect.Type) (any, bool, error) {
	switch {
	case want == reflect.TypeFor[Response]():
		return *r, true, nil
	case want == bytesType:
		return r.Body, true, nil
	case want.Kind() == reflect.String:
		return reflect.ValueOf(r.Text()).Convert(want).Interface(), true, nil
	}
	data, err := r.JSON()
	if err != nil {
		return nil, false, fmt.Errorf("the answer of the server is no JSON: %w", err)
	}
	out, err := catalog.Convert(data, want)
	return out, true, err
}

// api is Kedro's APIDataset: what a server answers, or takes.
type api struct {
	entry      map[string]any
	request    apiRequest
	chunk      int  // items of a list in one request
	singly     bool // each item in a request of its own
	answers    catalog.Dataset
	answersAre string // class of the dataset of the answers
	shown      catalog.Description
}

var _ catalog.Configured = (*api)(nil)

func buildAPI(spec buildSpec) (catalog.Dataset, error) {
	if err := spec.Arguments([]string{"url"}, "method", "load_args", "save_args", "credentials", "metadata", "response_dataset"); err != nil {
		return nil, err
	}
	given := &args{name: spec.Name, values: spec.Args}
	d := &api{entry: spec.Args, request: apiRequest{method: given.text("method", "GET"), client: spec.shared.web()}}
	address := given.text("url", "")
	a := argsOf(spec, "load_args")
	switch d.request.method {
	case "GET":
	case "PUT", "POST":
		a = argsOf(spec, "save_args")
		d.chunk = max(1, a.number("chunk_size", 100))
		d.singly = a.boolean("send_individually", false)
	default:
		return nil, &catalog.Exception{Type: "ValueError", Message: "Only GET, POST and PUT methods are supported"}
	}
	if err := firstError(given.err, d.request.read(a, address, spec.Args["credentials"])); err != nil {
		return nil, err
	}
	if err := d.readAnswers(spec); err != nil {
		return nil, err
	}
	d.shown = d.describe(spec.Type, address, a.values)
	return d, nil
}

// readAnswers makes the dataset that keeps the answers to saves.
func (d *api) readAnswers(spec buildSpec) error {
	config, _ := spec.Args["response_dataset"].(map[string]any)
	if name, ok := spec.Args["response_dataset"].(string); ok {
		config = map[string]any{"type": name}
	}
	if config == nil {
		return nil
	}
	ds, err := spec.Types.New("response_dataset", config, catalog.Version{})
	if err != nil {
		return err
	}
	d.answers, d.answersAre = ds, ds.Describe().Type
	return nil
}

// describe shows the request, without what signs it in.
func (d *api) describe(class, address string, values map[string]any) catalog.Description {
	shown := catalog.Description{Type: class, Args: []catalog.DescribedArg{{Name: "url", Value: address}, {Name: "method", Value: d.request.method}}}
	for _, name := range []string{"params", "headers", "json", "data", "cookies", "timeout", "allow_redirects", "verify"} {
		value := values[name]
		if name == "timeout" && value == nil && d.request.method != http.MethodGet {
			value = 60
		}
		if secret, ok := value.(map[string]any); ok && (name == "headers" || name == "cookies") {
			hidden := map[string]any{}
			for key := range secret {
				hidden[key] = "<redacted>"
			}
			value = hidden
		}
		shown.Args = append(shown.Args, catalog.DescribedArg{Name: name, Value: value})
	}
	if d.answers != nil {
		shown.Args = append(shown.Args, catalog.DescribedArg{Name: "response_dataset", Value: d.answers.Describe().String()})
	}
	return shown
}

// Load asks the server and returns a *Response. Only GET loads.
func (d *api) Load(ctx context.Context) (any, error) {
	if d.request.method != http.MethodGet {
		return nil, catalog.Errorf("Only GET method is supported for load().Use save() to send data or get_last_response() to retrieve a persisted response.")
	}
	return d.send(ctx, d.request.body, "Failed to fetch data")
}

// send sends the request with a body, and makes an answer that isn't a success an error.
func (d *api) send(ctx context.Context, body apiBody, failure string) (*Response, error) {
	response, err := d.request.send(ctx, body)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var failed *url.Error // its text holds the URL with all that is secret in it
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return nil, &catalog.DatasetError{Message: "Failed to connect to the remote server: " + err.Error(), Err: err}
	}
	if response.Status < http.StatusBadRequest {
		return response, nil
	}
	kind := "Client"
	if response.Status >= http.StatusInternalServerError {
		kind = "Server"
	}
	return nil, catalog.Errorf("('%s', HTTPError('%d %s Error: %s for url: %s'))", failure, response.Status, kind, http.StatusText(response.Status), mask.URL(d.request.url))
}

// Save sends data as JSON: a list in chunks, anything else in one request. A text must be JSON already.
func (d *api) Save(ctx context.Context, data any) error {
	if d.request.method == http.MethodGet {
		return catalog.Errorf("Use PUT or POST methods for save")
	}
	bodies, err := d.bodies(data)
	if err != nil {
		return err
	}
	var last *Response
	for _, body := range bodies {
		if last, err = d.send(ctx, body, "Failed to send data"); err != nil {
			return err
		}
	}
	return d.keep(ctx, last)
}

// bodies splits data into the bodies of requests.
func (d *api) bodies(data any) ([]apiBody, error) {
	if t, ok := data.(*Table); ok {
		data = t.Records()
	}
	list := reflect.ValueOf(data)
	if list.Kind() != reflect.Slice || list.Type() == bytesType {
		body, err := jsonBody(data)
		return []apiBody{body}, err
	}
	if list.Len() == 0 && d.singly {
		return nil, catalog.Errorf("Cannot save an empty list with send_individually=True.")
	}
	if list.Len() == 0 {
		return nil, catalog.Errorf("Cannot save an empty list.")
	}
	size := d.chunk
	if d.singly {
		size = 1
	}
	var bodies []apiBody
	for at := 0; at < list.Len(); at += size {
		part := list.Slice(at, min(at+size, list.Len()))
		item := part.Interface()
		if d.singly {
			item = part.Index(0).Interface()
		}
		body, err := jsonBody(item)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	return bodies, nil
}

// keep saves the last answer where response_dataset says.
func (d *api) keep(ctx context.Context, answer *Response) error {
	if d.answers == nil {
		return nil
	}
	var data any = answer
	switch {
	case strings.HasSuffix(d.answersAre, "json_dataset.JSONDataset"):
		var err error
		if data, err = answer.JSON(); err != nil {
			return fmt.Errorf("the answer of the server is no JSON: %w", err)
		}
	case strings.HasSuffix(d.answersAre, "text_dataset.TextDataset"):
		data = answer.Text()
	}
	return catalog.SaveDataset(ctx, d.answers, data)
}

// Exists tells whether the server answers; only GET asks.
func (d *api) Exists(ctx context.Context) (bool, error) {
	if d.request.method != http.MethodGet {
		return false, nil
	}
	_, err := d.send(ctx, d.request.body, "Failed to fetch data")
	return err == nil, err
}

// Release does nothing: nothing is kept.
func (d *api) Release(context.Context) error { return nil }

// Describe shows the request.
func (d *api) Describe() catalog.Description {
	return catalog.Description{Type: d.shown.Type, Args: slices.Clone(d.shown.Args)}
}

// Config returns the catalog entry of the dataset.
func (d *api) Config() map[string]any { return configOf(d.shown.Type, d.entry) }
