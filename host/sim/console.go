package sim

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"sync"

	"hanok/dc"
)

// console is one connection to a console of a simulated machine.
type console struct {
	net.Conn          // the user's end
	far      net.Conn // the machine's end
	once     sync.Once
	closed   func()
}

func newConsole(kind dc.ConsoleKind, name string) (*console, error) {
	near, far := net.Pipe()
	c := &console{Conn: near, far: far}
	switch kind {
	case dc.ConsoleSerial:
		go c.serial("\r\n" + name + " login: ")
	case dc.ConsoleVNC:
		go c.vnc()
	default:
		return nil, dc.Errorf(dc.Unsupported, "no console of kind %q", kind)
	}
	return c, nil
}

// Close closes the user's end.
func (c *console) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// end hangs up at the machine's end.
func (c *console) end() { c.far.Close() }

// serial shows a prompt, echoes what is typed, and shows the prompt again after each line.
func (c *console) serial(prompt string) {
	defer c.far.Close()
	if _, err := io.WriteString(c.far, prompt); err != nil {
		return
	}
	typed := make([]byte, 256)
	for {
		n, err := c.far.Read(typed)
		if err != nil {
			return
		}
		echo := bytes.ReplaceAll(typed[:n], []byte("\n"), []byte("\r"))
		echo = bytes.ReplaceAll(echo, []byte("\r"), []byte(prompt))
		if _, err := c.far.Write(echo); err != nil {
			return
		}
	}
}

// vnc names the version of the RFB protocol (RFC 6143, section 7.1.1), and after the other side has too, that there is
// nothing to see (section 7.1.2: no security types, and a reason).
func (c *console) vnc() {
	defer c.far.Close()
	if _, err := io.WriteString(c.far, "RFB 003.008\n"); err != nil {
		return
	}
	if _, err := io.ReadFull(c.far, make([]byte, 12)); err != nil {
		return
	}
	const reason = "this machine is simulated"
	c.far.Write(append([]byte{0, 0, 0, 0, byte(len(reason))}, reason...))
}

// paint writes the picture of a screen: dark, and lighter once the guest has booted.
func paint(w io.Writer, booted bool) error {
	picture := image.NewPaletted(image.Rect(0, 0, 64, 40), color.Palette{color.Black, color.RGBA{R: 0x30, G: 0x60, B: 0x90, A: 0xff}})
	if booted {
		for i := range picture.Pix {
			picture.Pix[i] = 1
		}
	}
	return png.Encode(w, picture)
}
