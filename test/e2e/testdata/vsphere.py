"""Reads everything of a data center with pyVmomi, which fails on what its version of the API does not know, and starts and stops the
virtual machine "web"."""
import ssl
import sys
import time

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

host, port, user, password = sys.argv[1:]
PC = vmodl.query.PropertyCollector
si = SmartConnect(host=host, port=int(port), user=user, pwd=password, sslContext=ssl._create_unverified_context())
content = si.RetrieveContent()
print("speaks", si._stub.versionId)

# Every property of every object of each type.
for kind in (vim.Folder, vim.Datacenter, vim.ComputeResource, vim.HostSystem, vim.ResourcePool, vim.Datastore, vim.Network, vim.VirtualMachine):
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    spec = PC.FilterSpec(
        objectSet=[PC.ObjectSpec(obj=view, skip=True, selectSet=[PC.TraversalSpec(type=vim.view.ContainerView, path="view", skip=False)])],
        propSet=[PC.PropertySpec(type=kind, all=True)])
    found = content.propertyCollector.RetrieveContents([spec])
    print(kind.__name__, sorted(p.val for o in found for p in o.propSet if p.name == "name"))
    view.Destroy()

vm = content.searchIndex.FindByInventoryPath("Datacenter/vm/web")
print("disks", [d.deviceInfo.label for d in vm.config.hardware.device if isinstance(d, vim.vm.device.VirtualDisk)])
collector = content.propertyCollector
collector.CreateFilter(PC.FilterSpec(
    objectSet=[PC.ObjectSpec(obj=vm)], propSet=[PC.PropertySpec(type=vim.VirtualMachine, pathSet=["runtime.powerState", "guest.ipAddress"])]), True)
task = vm.PowerOn()
version, known = "", {}
while not (known.get("runtime.powerState") == "poweredOn" and known.get("guest.ipAddress")):
    update = collector.WaitForUpdatesEx(version, PC.WaitOptions(maxWaitSeconds=120))
    version = update.version
    for changed in (c for f in update.filterSet for o in f.objectSet for c in o.changeSet):
        known[changed.name] = changed.val
print("the guest has an address")
try:
    vm.PowerOn()
except vim.fault.InvalidPowerState as e:
    print("refused:", e.existingState)
task = vm.PowerOff()
while task.info.state not in ("success", "error"):
    time.sleep(0.1)
print("off:", task.info.state, vm.runtime.powerState)
try:
    vm.CreateSnapshot("s", "", False, False)
except vmodl.fault.NotSupported as e:
    print("not there yet:", e.msg)
Disconnect(si)
