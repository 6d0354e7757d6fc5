package qemu

import (
	"bufio"
	"errors"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hanok/dc"
	"hanok/internal/qmp"
)

// TestParseWiring reads what QEMU 10.0.2 says of a machine's networks.
func TestParseWiring(t *testing.T) {
	text := strings.Join([]string{"hub 4000", ` \ cable4000: wire4000.network-1: index=0,type=user,net=10.0.2.0,restrict=off`,
		` \ net4000: nic4000: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:aa`, "hub 4003", ` \ net4003: nic4003: index=0,type=nic,model=e1000`,
		"wire4003.network-2: index=0,type=user,net=10.0.2.0,restrict=off", "nic4001: index=0,type=nic,model=e1000e,macaddr=52:54:00:00:00:01",
		` \ net4001: index=0,type=user,net=10.0.2.0,restrict=off`, ""}, "\r\n")
	want := wiring{plugged: map[int32]string{4000: "network-1"}, wires: []string{"wire4000.network-1", "wire4003.network-2"}, fixed: map[int32]bool{4001: true}}
	if got := parseWiring(text); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := parseWiring(""); len(got.plugged)+len(got.wires)+len(got.fixed) > 0 {
		t.Errorf("got %+v of nothing", got)
	}
}

// A guest whose NIC is moved reaches the new network, and what it had under way in the one before has ended, wherever the agent died.
func TestMoveNICInTheGuest(t *testing.T) {
	l, fetch := newStarterLab(t)
	l.m.Names = map[dc.ID]string{"network-1": "VM Network", "network-2": "Backup"}
	if err := l.v.CreateMachine(t.Context(), l.m, fetch, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	l.start()
	port := l.serial()
	port.await("hanok-starter: ready")
	port.login()
	// reach returns the host's end of a connection that the guest keeps open.
	reach := func() net.Conn {
		t.Helper()
		server.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
		port.enter("{ echo from the guest; sleep 1000; } | nc 10.0.2.2 %d &", server.Addr().(*net.TCPAddr).Port)
		conn, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		if said, err := bufio.NewReader(conn).ReadString('\n'); err != nil || said != "from the guest\n" {
			t.Fatalf("the guest says %q, %v", said, err)
		}
		return conn
	}
	ended := func(conn net.Conn) {
		t.Helper()
		if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("what was under way goes on in another network: %v", err)
		}
	}
	to := func(network dc.PortGroupID) {
		l.m.NICs = slices.Clone(l.m.NICs)
		l.m.NICs[0].PortGroup = network
	}
	port.enter("until ip addr show eth0 | grep -q 10.0.2; do sleep 0.1; done")
	under := reach()
	to("network-2")
	for range 2 { // again changes nothing
		if err := l.reconfigure(nil); err != nil {
			t.Fatal(err)
		}
	}
	l.inLine()
	ended(under)
	port = l.serial()
	under = reach()

	// The agent dies after each step of a move.
	steps := []struct {
		command string
		args    map[string]any
	}{
		{"set_link", map[string]any{"name": "nic4000", "up": false}},
		{"netdev_del", map[string]any{"id": "cable4000"}},
		{"netdev_del", map[string]any{"id": "wire4000.network-2"}},
		{"netdev_add", map[string]any{"id": "wire4000.network-1", "type": "user", "ipv6": false}},
		{"netdev_add", map[string]any{"id": "cable4000", "type": "hubport", "hubid": 4000, "netdev": "wire4000.network-1"}},
	}
	for n := range len(steps) {
		if err := l.d.Close(); err != nil {
			t.Fatal(err)
		}
		l.command(func(mon *qmp.Client) {
			for _, s := range steps[:n+1] {
				if err := mon.Execute(t.Context(), s.command, s.args, nil); err != nil {
					t.Fatal(s.command, err)
				}
			}
		})
		l.d, l.v = l.open()
		if err := l.v.Mount(t.Context(), testStore, l.folder()); err != nil {
			t.Fatal(err)
		}
		to("network-1")
		if err := l.d.Recover(t.Context(), l.m, l.handle); err != nil {
			t.Fatal(err)
		}
		want := []string{`the network adapter 4000 is on "Backup", not on "VM Network"`, `the network adapter 4000 is on no network, not on "VM Network"`}
		if got := l.is(dc.RunRunning).Differences; n == 0 && !slices.Equal(got, want[:1]) || n > 0 && n < 4 && !slices.Equal(got, want[1:]) || n == 4 && len(got) > 0 {
			t.Errorf("died after step %d, the differences are %q", n, got)
		}
		if err := l.reconfigure(nil); err != nil {
			t.Fatal(err)
		}
		l.inLine()
		port = l.serial()
		ended(under)
		under = reach()
		to("network-2")
		if err := l.reconfigure(nil); err != nil {
			t.Fatal(err)
		}
		l.inLine()
		ended(under)
		port = l.serial()
		under = reach()
	}
}

// A NIC that an older version has plugged in stays where it is.
func TestFixedNIC(t *testing.T) {
	l := newPortLab(t)
	l.start()
	m, err := l.d.running(l.m.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		command string
		args    map[string]any
	}{{"netdev_add", map[string]any{"id": "net4001", "type": "user"}},
		{"device_add", map[string]any{"driver": "vmxnet3", "id": "nic4001", "bus": "port07", "addr": "0x0", "mac": "52:54:00:00:00:01", "netdev": "net4001"}}} {
		if err := m.execute(t.Context(), s.command, s.args, nil); err != nil {
			t.Fatal(err)
		}
	}
	l.m = withNIC(l.m, dc.NIC{Key: 4001, Type: dc.VMXNET3, MAC: "52:54:00:00:00:01", PortGroup: "network-1", Connected: true})
	l.reopen()
	if err := l.d.Recover(t.Context(), l.m, l.handle); err != nil {
		t.Fatal(err)
	}
	if err := l.reconfigure(nil); err != nil {
		t.Fatal(err)
	}
	l.inLine()
	moved := l.m
	moved.NICs = slices.Clone(l.m.NICs)
	moved.NICs[1].PortGroup = "network-2"
	err = l.d.Reconfigure(t.Context(), moved, []dc.Attachment{{Key: 4000, UserMode: true, Network: "network-1"}, {Key: 4001, UserMode: true, Network: "network-2"}})
	if dc.KindOf(err) != dc.Unsupported || !strings.Contains(err.Error(), "the network adapter 4001 stays on network-1") {
		t.Errorf("error %v, want one that says that it stays", err)
	}
	l.inLine()
}
