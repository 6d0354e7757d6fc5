package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// outputFlag is the value of -o: whether it is JSON.
type outputFlag bool

func (f *outputFlag) String() string {
	if *f {
		return "json"
	}
	return "table"
}

func (f *outputFlag) Set(s string) error {
	switch s {
	case "json":
		*f = true
	case "table":
		*f = false
	default:
		return fmt.Errorf(`it is neither "table" nor "json"`)
	}
	return nil
}

func (*outputFlag) Type() string { return "FORMAT" }

// column is one column of a table, and one line where a single object is shown.
type column[T proto.Message] struct {
	title string
	value func(T) string
}

// list prints objects: a table, or an array.
func list[T proto.Message](a *app, objects []T, columns []column[T]) error {
	if a.json {
		return a.printJSON(appendArray(nil, objects))
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = strings.ToUpper(c.title)
	}
	fmt.Fprintln(w, strings.Join(row, "\t"))
	for _, o := range objects {
		for i, c := range columns {
			row[i] = cell(c.value(o))
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// show prints one object: a line for each column that has a value, or a JSON object.
func show[T proto.Message](a *app, object T, columns ...[]column[T]) error {
	if a.json {
		return a.printJSON(appendMessage(nil, object.ProtoReflect()))
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, group := range columns {
		for _, c := range group {
			if v := c.value(object); v != "" {
				fmt.Fprintf(w, "%s:\t%s\n", c.title, cell(v))
			}
		}
	}
	return w.Flush()
}

// done prints what a command made, or nothing where that is a table.
func done(a *app, object proto.Message) error {
	if a.json {
		return a.printJSON(appendMessage(nil, object.ProtoReflect()))
	}
	return nil
}

// cell returns a value that keeps its line and column: a hyphen for nothing, a space for what would break the table.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// ago returns a time as a table shows it.
func ago(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format(time.DateTime)
}

// bytesText returns a number of bytes in the largest unit that it fills.
func bytesText(n int64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/(1<<10), 0
	for f >= 1<<10 && i < len(units)-1 {
		f, i = f/(1<<10), i+1
	}
	text := strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0")
	return fmt.Sprintf("%s %cB", text, units[i])
}

// yes is the cell of something that is so or not.
func yes(so bool) string { return map[bool]string{true: "yes"}[so] }
