package native

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// hardwareChange resolves what a change refers to, but for its disks, which newDisk resolves.
func (s *service) hardwareChange(by dc.Caller, c *hanokv1.HardwareChange) (dc.HardwareChange, error) {
	boot, video := c.GetBoot(), c.GetVideo()
	out := dc.HardwareChange{
		CPUs: int(c.GetCpus()), CoresPerSocket: int(c.GetCoresPerSocket()), MemoryMB: c.GetMemoryMb(), GuestID: c.GetGuestId(),
		Firmware: dc.Firmware(c.GetFirmware()), RemoveDisks: c.GetRemoveDisks(), KeepDisks: c.GetKeepDisks(), RemoveDevices: c.GetRemoveDevices(),
		AddInputs: inputs(c.GetAddInputs()), RemoveInputs: inputs(c.GetRemoveInputs()), AddTPM: c.GetAddTpm(),
		Video: dc.Video{MemoryKB: video.GetMemoryKb(), Model: dc.VideoModel(video.GetModel())},
	}
	if c != nil {
		out.CPUHotAdd, out.CPUHotRemove, out.MemoryHotAdd = c.CpuHotAdd, c.CpuHotRemove, c.MemoryHotAdd
	}
	if boot != nil {
		out.Boot = dc.BootChange{DelayMS: boot.DelayMs, EnterSetup: boot.EnterSetup, Secure: boot.Secure}
		if boot.Order != nil {
			out.Boot.Order = &boot.Order.Keys
		}
	}
	for _, t := range c.GetAddControllers() {
		out.AddControllers = append(out.AddControllers, dc.ControllerType(t))
	}
	for _, d := range c.GetExtendDisks() {
		if out.ExtendDisks == nil {
			out.ExtendDisks = map[int32]int64{}
		}
		out.ExtendDisks[d.GetKey()] = d.GetCapacityBytes()
	}
	if w := c.GetAddWatchdog(); w != nil {
		out.AddWatchdog = &dc.Watchdog{StartRunning: w.StartRunning}
	}
	if err := s.changeNICs(by, c, &out); err != nil {
		return out, err
	}
	return out, s.changeFiles(by, c, &out)
}

func (s *service) changeNICs(by dc.Caller, c *hanokv1.HardwareChange, out *dc.HardwareChange) error {
	for _, n := range c.GetAddNics() {
		nic, err := s.newNIC(by, n)
		if err != nil {
			return err
		}
		out.AddNICs = append(out.AddNICs, nic)
	}
	for _, n := range c.GetUpdateNics() {
		portGroup, err := resolveAny[dc.PortGroupID](s, by, dc.KindPortGroup, n.GetPortGroup())
		if err != nil {
			return err
		}
		if out.UpdateNICs == nil {
			out.UpdateNICs = map[int32]dc.NICChange{}
		}
		out.UpdateNICs[n.GetKey()] = dc.NICChange{PortGroup: portGroup, Type: dc.NICType(n.GetType()), Connected: n.Connected,
			StartConnected: n.StartConnected}
	}
	return nil
}

func (s *service) changeFiles(by dc.Caller, c *hanokv1.HardwareChange, out *dc.HardwareChange) error {
	for _, d := range c.GetAddDrives() {
		media, err := s.media(by, d.GetFile())
		if err != nil {
			return err
		}
		out.AddDrives = append(out.AddDrives, dc.NewDrive{Type: dc.DriveType(d.GetType()), Controller: d.GetController(), Unit: d.Unit,
			On: dc.ControllerType(d.GetControllerType()), Media: media, Disconnected: d.GetDisconnected()})
	}
	for _, d := range c.GetUpdateDrives() {
		if out.UpdateDrives == nil {
			out.UpdateDrives = map[int32]dc.DriveChange{}
		}
		out.UpdateDrives[d.GetKey()] = dc.DriveChange{Connected: d.Connected, StartConnected: d.StartConnected}
	}
	for _, d := range c.GetSetMedia() {
		media, err := s.media(by, d.GetFile())
		if err != nil {
			return err
		}
		if out.SetMedia == nil {
			out.SetMedia = map[int32]dc.Media{}
		}
		out.SetMedia[d.GetKey()] = media
	}
	for _, p := range c.GetAddSerialPorts() {
		file, err := s.media(by, p.GetFile())
		if err != nil {
			return err
		}
		out.AddSerialPorts = append(out.AddSerialPorts, dc.SerialPort{Console: p.GetConsole(), File: file})
	}
	return nil
}

// newDisk returns all of a disk but its image.
func (s *service) newDisk(by dc.Caller, d *hanokv1.NewDisk) (dc.NewDisk, error) {
	file, err := s.media(by, d.GetFile())
	return dc.NewDisk{CapacityBytes: d.GetCapacityBytes(), Provisioning: dc.Provisioning(d.GetProvisioning()), Mode: dc.DiskMode(d.GetMode()),
		Controller: d.GetController(), Unit: d.Unit, On: dc.ControllerType(d.GetControllerType()), NewController: d.GetNewController(),
		File: dc.FileRef(file)}, err
}

func (s *service) newNIC(by dc.Caller, n *hanokv1.NewNic) (dc.NewNIC, error) {
	portGroup, err := resolve[dc.PortGroupID](s, by, dc.KindPortGroup, n.GetPortGroup())
	return dc.NewNIC{PortGroup: portGroup, Type: dc.NICType(n.GetType()), MAC: n.GetMac(), Disconnected: n.GetDisconnected()}, err
}

// media resolves "[datastore] path"; "" is none.
func (s *service) media(by dc.Caller, text string) (dc.Media, error) {
	if text == "" {
		return dc.Media{}, nil
	}
	name, path, ok := dc.ParseFileRef(text)
	if !ok {
		return dc.Media{}, dc.Errorf(dc.Invalid, "%q names no file on a datastore", text).Fix(`write it as "[datastore1] iso/debian.iso"`)
	}
	ref, err := s.fileRef(by, name, path)
	return dc.Media(ref), err
}

func inputs(types []string) []dc.InputType {
	var out []dc.InputType
	for _, t := range types {
		out = append(out, dc.InputType(t))
	}
	return out
}
