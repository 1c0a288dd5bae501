package dataset

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"path"
	"reflect"
	"strings"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
)

const (
	matplotlibClass = "kedro_datasets.matplotlib.matplotlib_dataset.MatplotlibDataset"
	pillowClass     = "kedro_datasets.pillow.image_dataset.ImageDataset"
)

// buildImage keeps a picture: the bytes of a finished file, anything that writes itself, or an image.Image.
func buildImage(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "save_args", "overwrite"); err != nil {
		return nil, err
	}
	name, _ := spec.Args["filepath"].(string)
	c := imageCodec{format: strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))}
	a := argsOf(spec, "save_args", "dpi", "bbox_inches", "transparent", "optimize")
	c.format = strings.ToLower(a.text("format", c.format))
	c.quality = a.number("quality", jpeg.DefaultQuality)
	if err := a.done(); err != nil {
		return nil, err
	}
	return newFile(spec, c, shown(spec, "save_args", nil))
}

// imageCodec writes pictures.
type imageCodec struct {
	format  string // of image.Image: png, jpg or jpeg
	quality int    // of JPEG, 1 to 100
}

func (c imageCodec) decode(_ context.Context, src storage.Object, want reflect.Type) (any, error) {
	data, err := io.ReadAll(src)
	if err != nil || want == nil || want == bytesType {
		return data, err
	}
	if want == reflect.TypeFor[image.Image]() {
		picture, _, err := image.Decode(bytes.NewReader(data))
		return picture, err
	}
	return catalog.Convert(data, want)
}

func (c imageCodec) encode(_ context.Context, w io.Writer, data any) error {
	switch v := data.(type) {
	case []byte:
		_, err := w.Write(v)
		return err
	case string: // SVG is text
		_, err := io.WriteString(w, v)
		return err
	case io.WriterTo:
		_, err := v.WriteTo(w)
		return err
	case image.Image:
		switch c.format {
		case "png":
			return png.Encode(w, v)
		case "jpg", "jpeg":
			return jpeg.Encode(w, v, &jpeg.Options{Quality: c.quality})
		}
		return fmt.Errorf("an image.Image is written as png or jpg, not %q: choose another file name or save_args.format", c.format)
	}
	return fmt.Errorf("a picture is []byte, an io.WriterTo, an image.Image or SVG text, not %T", data)
}
