package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	sdkUser, sdkPassword = "user", "a password of the bench"
	// waiting is how many sessions wait at once, changes how many machines change while they do, and pace how many a second.
	waiting, changes, pace = 100, 1000, 100
)

// sdkFigures are what one server took.
type sdkFigures struct {
	summaryCold, summaryWarm, configCold, configWarm, find, watch time.Duration
	// waits is the processor's time of the server while sessions waited and machines changed, and lost how many updates they never saw.
	waits        time.Duration
	lost         int
	ready, after float64 // RssAnon in MB
}

// measureSDK compares the vSphere API with govmomi's simulator of the same version, one after the other.
func measureSDK(ctx context.Context, size fleetSize, machines int) error {
	if machines == 0 {
		return nil
	}
	ours, err := measureOurs(ctx, size, machines)
	if err != nil {
		return err
	}
	theirs, err := measureSimulator(ctx, machines)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe vSphere API with %d machines, beside the simulator of govmomi\n\n", machines)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tHanok\tsimulator\ttimes\tbound")
	missed := false
	row := func(what string, h, s time.Duration, bound float64) {
		times := s.Seconds() / h.Seconds()
		fmt.Fprintf(w, "%s\t%v\t%v\t%.1f\t%.0f\n", what, h.Round(100*time.Microsecond), s.Round(100*time.Microsecond), times, bound)
		missed = missed || times < bound
	}
	row("summary and runtime of all, first", ours.summaryCold, theirs.summaryCold, 5)
	row("the same again", ours.summaryWarm, theirs.summaryWarm, 5)
	row("config, guest, layoutEx and storage of all, first", ours.configCold, theirs.configCold, 5)
	row("the same again", ours.configWarm, theirs.configWarm, 5)
	row("find: a view, and the ancestors of each", ours.find, theirs.find, 5)
	row("from a power-on to a watcher of all, median", ours.watch, theirs.watch, 10)
	row(fmt.Sprintf("CPU: %d sessions wait, %d changes at %d a second", waiting, changes, pace), ours.waits, theirs.waits, 5)
	fmt.Fprintf(w, "updates that a session did not see\t%d\t%d\t\t0\n", ours.lost, theirs.lost)
	fmt.Fprintf(w, "RssAnon when ready, MB\t%.0f\t%.0f\t\t\n", ours.ready, theirs.ready)
	fmt.Fprintf(w, "RssAnon at the end, MB\t%.0f\t%.0f\t%.1f\t1\n", ours.after, theirs.after, theirs.after/ours.after)
	if err := w.Flush(); err != nil {
		return err
	}
	if missed || ours.lost > 0 || ours.after > theirs.after {
		return errors.New("a figure is out of its bound")
	}
	return nil
}

func measureOurs(ctx context.Context, size fleetSize, machines int) (sdkFigures, error) {
	s, _, err := simulate(ctx, size, "", "-cluster", "1", "-host", "10", "-standalone-host", "0", "-vm", strconv.Itoa(machines), "-username", sdkUser, "-password", sdkPassword)
	if err != nil {
		return sdkFigures{}, err
	}
	f, err := measureServer(ctx, s, machines)
	return f, errors.Join(err, s.stop())
}

// measureSimulator runs this program again as the simulator: its memory and its time are its own then.
func measureSimulator(ctx context.Context, machines int) (sdkFigures, error) {
	addr, err := freeAddress()
	if err != nil {
		return sdkFigures{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return sdkFigures{}, err
	}
	cmd := exec.CommandContext(ctx, self, "-simulator", addr, "-sdk-machines", strconv.Itoa(machines))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return sdkFigures{}, err
	}
	if err := cmd.Start(); err != nil {
		return sdkFigures{}, err
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		return sdkFigures{}, errors.Join(err, cmd.Wait())
	}
	f, err := measureServer(ctx, &simulation{cmd: cmd, addr: addr}, machines)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // which says that it was killed
	return f, err
}

// runSimulator is the simulator until it is killed.
func runSimulator(addr string, machines int) error {
	model := simulator.VPX()
	model.Host, model.Machine = 0, machines
	if err := model.Create(); err != nil {
		return err
	}
	model.Service.Listen = &url.URL{Host: addr, User: url.UserPassword(sdkUser, sdkPassword)}
	model.Service.TLS = new(tls.Config)
	s := model.Service.NewServer()
	defer s.Close()
	fmt.Println("ready")
	select {}
}

// sdk is a session.
type sdk struct {
	*govmomi.Client
	// raw asks without reading what the answer means: the client's part of the work is none of the server's.
	raw  *http.Client
	url  string
	view types.ManagedObjectReference
}

func openSDK(ctx context.Context, addr string) (*sdk, error) {
	u := &url.URL{Scheme: "https", Host: addr, Path: "/sdk", User: url.UserPassword(sdkUser, sdkPassword)}
	c, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	plain := &url.URL{Scheme: "https", Host: addr, Path: "/"}
	jar.SetCookies(plain, c.Client.Client.Jar.Cookies(plain))
	v, err := view.NewManager(c.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		return nil, err
	}
	return &sdk{Client: c, url: "https://" + addr + "/sdk", view: v.Reference(),
		raw: &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}, nil
}

// retrieve takes the properties of all machines, and returns how long that took.
func (s *sdk) retrieve(paths ...string) (time.Duration, error) {
	var body bytes.Buffer
	body.WriteString(`<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body><RetrieveProperties xmlns="urn:vim25">` +
		`<_this type="PropertyCollector">` + s.ServiceContent.PropertyCollector.Value + `</_this><specSet><propSet><type>VirtualMachine</type>`)
	for _, p := range paths {
		body.WriteString("<pathSet>" + p + "</pathSet>")
	}
	body.WriteString(`</propSet><objectSet><obj type="ContainerView">` + s.view.Value + `</obj><skip>true</skip><selectSet xsi:type="TraversalSpec"><type>ContainerView</type><path>view</path>` +
		`</selectSet></objectSet></specSet></RetrieveProperties></Body></Envelope>`)
	begin := time.Now()
	res, err := s.raw.Post(s.url, "text/xml", &body)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || n < 1<<16) {
		err = fmt.Errorf("%s with %d bytes", res.Status, n)
	}
	return time.Since(begin), err
}

func measureServer(ctx context.Context, sim *simulation, machines int) (f sdkFigures, err error) {
	s, err := openSDK(ctx, sim.addr)
	if err != nil {
		return f, err
	}
	if f.ready, err = sim.memory(); err != nil {
		return f, err
	}
	progress := func(what string) { fmt.Fprintf(os.Stderr, "%s: %s\n", sim.addr, what) }
	progress("properties of all")
	for _, m := range []struct {
		into  *time.Duration
		paths []string
	}{
		{&f.summaryCold, []string{"summary", "runtime"}}, {&f.summaryWarm, []string{"summary", "runtime"}},
		{&f.configCold, []string{"config", "guest", "layoutEx", "storage"}}, {&f.configWarm, []string{"config", "guest", "layoutEx", "storage"}},
	} {
		if *m.into, err = s.retrieve(m.paths...); err != nil {
			return f, err
		}
	}
	progress("ancestors of all")
	begin := time.Now()
	var v mo.ContainerView
	if err := s.RetrieveOne(ctx, s.view, []string{"view"}, &v); err != nil {
		return f, err
	}
	if len(v.View) != machines {
		return f, fmt.Errorf("the view has %d of %d machines", len(v.View), machines)
	}
	for _, vm := range v.View {
		if _, err := mo.Ancestors(ctx, s.Client.Client, s.ServiceContent.PropertyCollector, vm); err != nil {
			return f, err
		}
	}
	f.find = time.Since(begin)
	progress("power, and a watcher")
	if f.watch, err = measureWatch(ctx, s, v.View); err != nil {
		return f, err
	}
	progress(strconv.Itoa(waiting) + " sessions wait")
	if f.waits, f.lost, err = measureWaits(ctx, sim, v.View); err != nil {
		return f, err
	}
	f.after, err = sim.memory()
	return f, err
}

// sdkWatcher waits for the power of all machines.
type sdkWatcher struct {
	*sdk
	collector types.ManagedObjectReference
	version   string
}

func (s *sdk) watch(ctx context.Context) (*sdkWatcher, error) {
	pc, err := property.DefaultCollector(s.Client.Client).Create(ctx)
	if err != nil {
		return nil, err
	}
	_, err = pc.CreateFilter(ctx, types.CreateFilter{Spec: types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: s.view, Skip: types.NewBool(true), SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{Type: "ContainerView", Path: "view"}}}},
		PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"runtime.powerState"}}},
	}})
	if err != nil {
		return nil, err
	}
	w := &sdkWatcher{sdk: s, collector: pc.Reference()}
	for {
		u, err := w.next(ctx, 60)
		if err != nil || u == nil || u.Truncated == nil || !*u.Truncated {
			return w, err
		}
	}
}

// next returns what has changed, or nil after some seconds without a change.
func (w *sdkWatcher) next(ctx context.Context, seconds int32) (*types.UpdateSet, error) {
	res, err := methods.WaitForUpdatesEx(ctx, w.Client.Client, &types.WaitForUpdatesEx{This: w.collector, Version: w.version, Options: &types.WaitOptions{MaxWaitSeconds: &seconds}})
	if err != nil || res.Returnval == nil {
		return nil, err
	}
	w.version = res.Returnval.Version
	return res.Returnval, nil
}

// measureWatch switches machines off and on, and returns the median of how long it takes until a watcher of all hears of the power.
func measureWatch(ctx context.Context, s *sdk, machines []types.ManagedObjectReference) (time.Duration, error) {
	w, err := s.watch(ctx)
	if err != nil {
		return 0, err
	}
	var all []time.Duration
	for i := range 20 {
		vm := object.NewVirtualMachine(s.Client.Client, machines[i])
		off, err := vm.PowerOff(ctx)
		if err == nil {
			err = off.Wait(ctx)
		}
		if err != nil {
			return 0, err
		}
		for u := new(types.UpdateSet); u != nil; { // until it is quiet
			if u, err = w.next(ctx, 1); err != nil {
				return 0, err
			}
		}
		heard := make(chan error, 1)
		go func() {
			for {
				u, err := w.next(ctx, 60)
				if err != nil || told(u, machines[i], types.VirtualMachinePowerStatePoweredOn) {
					heard <- err
					return
				}
			}
		}()
		begin := time.Now()
		if _, err := vm.PowerOn(ctx); err != nil {
			return 0, err
		}
		if err := <-heard; err != nil {
			return 0, err
		}
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

func told(u *types.UpdateSet, vm types.ManagedObjectReference, state types.VirtualMachinePowerState) bool {
	for _, f := range u.FilterSet {
		for _, o := range f.ObjectSet {
			if o.Obj == vm && slices.ContainsFunc(o.ChangeSet, func(p types.PropertyChange) bool { return p.Val == state }) {
				return true
			}
		}
	}
	return false
}

// measureWaits switches machines off while sessions wait, and returns the server's processor time and how many switches sessions did
// not hear of.
func measureWaits(ctx context.Context, sim *simulation, machines []types.ManagedObjectReference) (time.Duration, int, error) {
	n := min(changes, len(machines)/2)
	some := machines[len(machines)-n:]
	var watchers []*sdkWatcher
	for range waiting {
		s, err := openSDK(ctx, sim.addr)
		if err != nil {
			return 0, 0, err
		}
		w, err := s.watch(ctx)
		if err != nil {
			return 0, 0, err
		}
		watchers = append(watchers, w)
	}
	before, err := sim.processor()
	if err != nil {
		return 0, 0, err
	}
	listen, enough := context.WithCancel(ctx)
	defer enough()
	var lost atomic.Int64
	var waits sync.WaitGroup
	for _, w := range watchers {
		waits.Go(func() {
			missing := map[types.ManagedObjectReference]bool{}
			for _, vm := range some {
				missing[vm] = true
			}
			for len(missing) > 0 {
				u, err := w.next(listen, 20)
				if err != nil {
					break
				}
				if u == nil {
					continue
				}
				for _, f := range u.FilterSet {
					for _, o := range f.ObjectSet {
						if slices.ContainsFunc(o.ChangeSet, func(p types.PropertyChange) bool { return p.Val == types.VirtualMachinePowerStatePoweredOff }) {
							delete(missing, o.Obj)
						}
					}
				}
			}
			lost.Add(int64(len(missing)))
		})
	}
	s, err := openSDK(ctx, sim.addr)
	if err != nil {
		return 0, 0, err
	}
	ticker := time.NewTicker(time.Second / pace)
	defer ticker.Stop()
	for _, vm := range some {
		<-ticker.C
		if _, err := methods.PowerOffVM_Task(ctx, s.Client.Client, &types.PowerOffVM_Task{This: vm}); err != nil {
			return 0, 0, err
		}
	}
	end := time.AfterFunc(patience, enough)
	waits.Wait()
	end.Stop()
	after, err := sim.processor()
	return after - before, int(lost.Load()), err
}

// processor returns the processor's time that the process has had: fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
func (s *simulation) processor() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}
