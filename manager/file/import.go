package file

import (
	"context"
	"fmt"
	"path"
	"strings"

	"hanok/dc"
	"hanok/manager/task"
)

const importType = "VirtualDiskManager.copyVirtualDisk"

const diskEnding = ".vmdk"

// ImportDisk starts the task that makes a virtual disk, to, of a disk image on the same datastore; with removeSource the image goes when
// the disk is there. Kinds: Exists, NotFound, Invalid for another datastore and for a name that does not end in ".vmdk", WrongState for files
// of machines, Conflict. Privileges: PrivFileManagement, and PrivFileDelete for removeSource.
func (s *Service) ImportDisk(ctx context.Context, by dc.Caller, from, to dc.FileRef, removeSource bool) (*dc.Task, error) {
	for _, ref := range []dc.FileRef{from, to} {
		if _, err := s.authorizedChange(by, dc.PrivFileManagement, ref); err != nil {
			return nil, err
		}
	}
	if removeSource {
		if _, err := s.authorized(by, dc.PrivFileDelete, from); err != nil {
			return nil, err
		}
	}
	if from.Datastore != to.Datastore {
		return nil, dc.Errorf(dc.Invalid, "the image is on another datastore").On(s.describe(to)).Fix("copy it to this one first")
	}
	if !strings.HasSuffix(to.Path, diskEnding) || dc.FileKindOf(to.Path) != dc.FileDisk {
		return nil, dc.Errorf(dc.Invalid, "the name of a disk ends in %s, and not in -flat%[1]s", diskEnding).On(s.describe(to)).Fix("choose another name")
	}
	return s.submit(ctx, by, importType, []dc.FileRef{from, to, extentOf(to)}, args{From: from, To: to, Consume: removeSource})
}

// extentOf returns the file with the bytes of a disk.
func extentOf(disk dc.FileRef) dc.FileRef {
	disk.Path = strings.TrimSuffix(disk.Path, diskEnding) + "-flat" + diskEnding
	return disk
}

func (s *Service) importDefinition() task.Definition {
	return task.Definition{Type: importType, Steps: []task.Step{
		{Name: "convert the disk", Do: s.convertDisk, Undo: s.dropDisk},
		{Name: "put the bytes in their place", Do: s.placeExtent, Undo: s.takeExtentBack},
		{Name: "put the descriptor in its place", Do: s.placeDescriptor, Undo: s.takeDescriptorBack},
		{Name: "remove what is no longer needed", Final: true, Do: s.endImport},
	}}
}

// workExtent is what the bytes are called until they have their name; the descriptor is called job.work.
func (j *job) workExtent() dc.FileRef {
	return dc.FileRef{Datastore: j.To.Datastore, Path: dc.WorkFile(j.To.Path, "."+string(j.r.Task().ID)+".raw")}
}

func (s *Service) convertDisk(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	for _, ref := range []dc.FileRef{j.To, extentOf(j.To)} {
		if err := checkUse(r.View(), true, j.to, ref.Path); err != nil {
			return err
		}
		if free, err := j.absent(ctx, j.to, ref.Path, hostPatience); err != nil {
			return err
		} else if !free {
			return dc.Errorf(dc.Exists, "there is a file or folder of that name already").On(s.describe(ref)).Fix("choose another path")
		}
	}
	extent := j.workExtent()
	_, err = j.do(ctx, j.to, dc.FileRequest{Op: dc.FileImport, FileRef: j.From, To: &extent, Aside: j.work().Path, Extent: path.Base(extentOf(j.To).Path)}, hostPatience)
	return err
}

func (s *Service) dropDisk(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	doomed := []dc.FileRef{j.work(), j.workExtent()}
	if j.Consume {
		doomed = append(doomed, j.From) // it came for this task only
	}
	for _, ref := range doomed {
		if _, err := j.do(ctx, j.to, dc.FileRequest{Op: dc.FileRemove, FileRef: ref}, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) placeExtent(ctx context.Context, r *task.Run) error {
	return s.rename(ctx, r, func(j *job) (dc.FileRef, dc.FileRef) { return j.workExtent(), extentOf(j.To) })
}

func (s *Service) placeDescriptor(ctx context.Context, r *task.Run) error {
	return s.rename(ctx, r, func(j *job) (dc.FileRef, dc.FileRef) { return j.work(), j.To })
}

func (s *Service) rename(ctx context.Context, r *task.Run, names func(*job) (from, to dc.FileRef)) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	from, to := names(j)
	_, err = j.do(ctx, j.to, dc.FileRequest{Op: dc.FilePlace, FileRef: from, To: &to}, hostPatience)
	return err
}

func (s *Service) takeExtentBack(ctx context.Context, r *task.Run) error {
	return s.unname(ctx, r, func(j *job) (dc.FileRef, dc.FileRef) { return j.workExtent(), extentOf(j.To) })
}

func (s *Service) takeDescriptorBack(ctx context.Context, r *task.Run) error {
	return s.unname(ctx, r, func(j *job) (dc.FileRef, dc.FileRef) { return j.work(), j.To })
}

// unname takes a rename back, if it was done: what has the name now is another's while the work is still there.
func (s *Service) unname(ctx context.Context, r *task.Run, names func(*job) (from, to dc.FileRef)) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	from, to := names(j)
	if gone, err := j.absent(ctx, j.to, from.Path, 0); err != nil || !gone {
		return err
	}
	_, err = j.do(ctx, j.to, dc.FileRequest{Op: dc.FilePlace, FileRef: to, To: &from}, 0)
	if dc.KindOf(err) == dc.NotFound {
		return nil
	}
	return err
}

func (s *Service) endImport(ctx context.Context, r *task.Run) error {
	j, err := s.job(r)
	if err != nil {
		return err
	}
	if j.Consume {
		if _, err := j.do(ctx, j.to, dc.FileRequest{Op: dc.FileRemove, FileRef: j.From}, 0); err != nil {
			return err
		}
	}
	j.finish(dc.EventFileCopied, fmt.Sprintf("%s was made of %s", s.describe(j.To), s.describe(j.From)))
	return nil
}
