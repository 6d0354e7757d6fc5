package native

import (
	"context"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"hanok/api/hanok/v1"
	"hanok/dc"
)

func (s *service) GetPackageUpload(ctx context.Context, req *hanokv1.GetPackageUploadRequest) (*hanokv1.GetPackageUploadResponse, error) {
	by := caller(ctx)
	create, err := s.createRequest(by, &hanokv1.CreateVirtualMachineRequest{Name: req.Name, Folder: req.Folder, ResourcePool: req.ResourcePool,
		Host: req.Host, Datastore: req.Datastore, PowerOn: req.PowerOn})
	if err != nil {
		return nil, err
	}
	offset, sum, err := s.Packages.Uploaded(ctx, by, create)
	return &hanokv1.GetPackageUploadResponse{Offset: offset, Sha256: sum}, err
}

// importPackage makes a machine of the package in a request, and answers with the task.
func (s *service) importPackage(w http.ResponseWriter, r *http.Request) {
	by := caller(r.Context())
	ctx, cancel := s.streaming(r)
	defer cancel()
	answer, err := s.packageAnswer(ctx, by, w, r)
	if err != nil {
		s.refuseFile(w, r, by, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(answer)
}

func (s *service) packageAnswer(ctx context.Context, by dc.Caller, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	offset, err := offsetOf(r)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	req, err := s.createRequest(by, &hanokv1.CreateVirtualMachineRequest{Name: r.PathValue("name"), Folder: query.Get("folder"), ResourcePool: query.Get("pool"),
		Host: query.Get("host"), Datastore: query.Get("datastore"), Annotation: query.Get("annotation"), PowerOn: query.Get("power-on") == "1"})
	if err != nil {
		return nil, err
	}
	networks, err := s.networksOf(by, query["network"])
	if err != nil {
		return nil, err
	}
	t, warnings, err := s.Packages.Import(ctx, by, req, networks, offset, sumOf(r), body(w, r))
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(&hanokv1.ImportPackageResponse{Task: s.task(by, t), Warnings: warnings})
}

// networksOf returns the port groups for the networks of a package: NETWORK=PORTGROUP, or PORTGROUP for all.
func (s *service) networksOf(by dc.Caller, texts []string) (map[string]dc.PortGroupID, error) {
	out := map[string]dc.PortGroupID{}
	for _, text := range texts {
		network, name, ok := strings.Cut(text, "=")
		if !ok {
			network, name = "", text
		}
		if _, twice := out[network]; twice {
			return nil, dc.Errorf(dc.Invalid, "the network %q has two port groups", network).Fix("give one for each network, or one for all")
		}
		id, err := resolve[dc.PortGroupID](s, by, dc.KindPortGroup, name)
		if err != nil {
			return nil, err
		}
		out[network] = id
	}
	return out, nil
}
