package report

import (
	"bytes"
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// Plot is SVG, drawn by gonum.
type Plot struct {
	Title, X, Y string
	// LogX and LogY have an axis in powers of ten.
	LogX, LogY bool
}

// Line goes through points.
type Line struct {
	Name   string
	Points []Point
}

// Point of a line.
type Point struct{ X, Y float64 }

// Bar of a bar chart.
type Bar struct {
	Name   string
	Height float64
}

const (
	width  = 16 * vg.Centimeter
	height = 9 * vg.Centimeter
)

// Lines adds a plot of lines to the page, as a file of that name.
func (p *Page) Lines(name string, settings Plot, lines ...Line) error {
	drawn := settings.draw()
	for i, line := range lines {
		points := make(plotter.XYs, len(line.Points))
		for j, point := range line.Points {
			points[j] = plotter.XY(point)
		}
		path, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("plot %s: %s: %w", name, line.Name, err)
		}
		path.Color, marks.Color, marks.Shape = plotutil.Color(i), plotutil.Color(i), plotutil.Shape(i)
		drawn.Add(path, marks)
		drawn.Legend.Add(line.Name, path, marks)
	}
	return p.addPlot(name, settings, drawn)
}

// Bars adds a bar chart.
func (p *Page) Bars(name string, settings Plot, bars ...Bar) error {
	drawn := settings.draw()
	var heights plotter.Values
	var names []string
	for _, bar := range bars {
		heights, names = append(heights, bar.Height), append(names, bar.Name)
	}
	chart, err := plotter.NewBarChart(heights, vg.Points(40))
	if err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	chart.Color = plotutil.Color(0)
	drawn.Add(chart)
	drawn.NominalX(names...)
	return p.addPlot(name, settings, drawn)
}

func (settings Plot) draw() *plot.Plot {
	drawn := plot.New()
	drawn.Title.Text, drawn.X.Label.Text, drawn.Y.Label.Text = settings.Title, settings.X, settings.Y
	drawn.Legend.Top, drawn.Legend.Left = true, true
	drawn.Add(plotter.NewGrid())
	if settings.LogX {
		drawn.X.Scale, drawn.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if settings.LogY {
		drawn.Y.Scale, drawn.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	} else {
		drawn.Y.Min = 0
	}
	return drawn
}

func (p *Page) addPlot(name string, settings Plot, drawn *plot.Plot) error {
	if !settings.LogY {
		// Room for the legend.
		drawn.Y.Max *= 1.2
	}
	canvas, err := drawn.WriterTo(width, height, "svg")
	if err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	p.plots[name] = svg.Bytes()
	p.Textf("![%s](%s.svg)", settings.Title, name)
	return nil
}
