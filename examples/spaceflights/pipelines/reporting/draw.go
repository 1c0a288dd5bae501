package reporting

import (
	"bytes"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

const (
	width    = 8 * vg.Inch
	height   = 6 * vg.Inch
	barWidth = 10 * vg.Length(1)
	margin   = 8 * vg.Length(1)
	slanted  = math.Pi / 3
	slantedX = text.XRight
	slantedY = text.YCenter
)

var blue = color.RGBA{R: 0x2a, G: 0x6f, B: 0xbb, A: 0xff}

// shades go from white to blue.
type shades struct{}

var _ palette.Palette = shades{}

// Colors lists the shades.
func (shades) Colors() []color.Color {
	const steps = 16
	colors := make([]color.Color, steps)
	for i := range colors {
		part := float64(i) / steps
		colors[i] = color.RGBA{R: fade(blue.R, part), G: fade(blue.G, part), B: fade(blue.B, part), A: 0xff}
	}
	return colors
}

func fade(to uint8, part float64) uint8 { return uint8(255 - part*float64(255-to)) }

func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Title.Padding = title, margin
	return p
}

// draw gives the plot as a file of a format that gonum knows: png, svg, pdf.
func draw(p *plot.Plot, format string) ([]byte, error) {
	canvas, err := p.WriterTo(width, height, format)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	if _, err := canvas.WriteTo(&file); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}
