package native

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"hanok/api/convert"
	"hanok/api/hanok/v1"
	"hanok/api/hanok/v1/hanokv1connect"
	"hanok/dc"
	"hanok/internal/random"
)

// usualRecords is how many records a request gets that names no limit.
const usualRecords = 100

func (s *service) ListAudit(ctx context.Context, req *hanokv1.ListAuditRequest) (*hanokv1.ListAuditResponse, error) {
	q := dc.AuditQuery{User: req.User, Call: req.Call, Object: req.Object, Result: dc.AuditResult(req.Result), Request: req.RequestId,
		Limit: cmp.Or(int(req.Limit), usualRecords)}
	if req.Since != nil {
		q.Since = req.Since.AsTime()
	}
	if req.Until != nil {
		q.Until = req.Until.AsTime()
	}
	records, err := s.Audit.List(caller(ctx), q)
	if err != nil {
		return nil, err
	}
	out := &hanokv1.ListAuditResponse{}
	for _, r := range slices.Backward(records) {
		out.Records = append(out.Records, convert.AuditRecord(r))
	}
	return out, nil
}

func (s *service) VerifyAudit(ctx context.Context, req *hanokv1.VerifyAuditRequest) (*hanokv1.VerifyAuditResponse, error) {
	report, err := s.Audit.Verify(caller(ctx), req.Head)
	if err != nil {
		return nil, err
	}
	return &hanokv1.VerifyAuditResponse{Report: convert.AuditReport(report)}, nil
}

// readings are how the names of calls begin that change nothing. All others are recorded before they are carried out.
var readings = []string{"List", "Get", "Query", "Watch", "Fetch", "WhoAmI", "About", "Doctor", "Verify"}

// relief are the calls that help against a full disk, and are carried out even if the audit log can't be written.
var relief = []string{"SessionService.Logout", "TaskService.CancelTask", "VirtualMachineService.PowerVirtualMachine",
	"VirtualMachineService.DeleteVirtualMachine", "DatastoreService.DeleteFile"}

// naming are the fields of requests that the audit log holds: those that name what a call is about. Passwords, tokens and content
// are never among them.
var naming = []string{
	"alarm", "api_token", "category", "cluster", "custom_field", "datacenter", "datastore", "entity", "file", "folder", "host", "identity_source", "image", "kind", "member", "name", "object", "op", "orphan", "parent",
	"path", "pool", "port_group", "principal", "resource_pool", "role", "scheduled_task", "tag", "tag_category", "target_cluster", "target_datastore", "target_folder", "target_path", "target_pool", "task", "user", "user_group",
	"username", "virtual_machine", "vm_folder",
}

const (
	// maxNaming bounds a field in the audit log, in bytes.
	maxNaming = 256
	// maxNamed is how many values of a field with many are in the audit log, and from how many fields on messages in others are left out.
	maxNamed = 20
	// maxDepth is how deep messages in others are looked for.
	maxDepth = 4
)

// objectsOf returns what a request names, and what the messages in it do: the port groups and files of a change of the hardware, as
// "change.set_media[0].file".
func objectsOf(m proto.Message) map[string]string {
	objects := map[string]string{}
	addObjects(objects, "", m.ProtoReflect())
	return objects
}

// addObjects adds what m names, whose fields are below prefix. What is in it is named as long as there is room.
func addObjects(objects map[string]string, prefix string, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	var inner []protoreflect.FieldDescriptor
	for i := range fields.Len() {
		field := fields.Get(i)
		name := string(field.Name())
		switch {
		case !m.Has(field) || field.IsMap():
		case field.Kind() == protoreflect.MessageKind:
			inner = append(inner, field)
		case field.Kind() != protoreflect.StringKind || !slices.Contains(naming, strings.TrimSuffix(name, "s")) && !slices.Contains(naming, name):
		case !field.IsList():
			objects[prefix+name] = cut(m.Get(field).String())
		default:
			list := m.Get(field).List()
			var all []string
			for i := range min(list.Len(), maxNamed) {
				all = append(all, cut(list.Get(i).String()))
			}
			objects[prefix+name] = strings.Join(all, " ")
		}
	}
	for _, field := range inner {
		name, value := prefix+string(field.Name()), m.Get(field)
		if !field.IsList() {
			addWithin(objects, name, value.Message())
			continue
		}
		for i := range min(value.List().Len(), maxNamed) {
			addWithin(objects, fmt.Sprintf("%s[%d]", name, i), value.List().Get(i).Message())
		}
	}
}

// addWithin is addObjects for a message within another one.
func addWithin(objects map[string]string, name string, m protoreflect.Message) {
	if len(objects) < maxNamed && strings.Count(name, ".") < maxDepth {
		addObjects(objects, name+".", m)
	}
}

func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxNaming)], "") }

// callName returns the name of a procedure or path as the audit log has it: "UserService.CreateUser".
func callName(procedure string) string {
	if name, ok := strings.CutPrefix(procedure, "/hanok.v1."); ok {
		return strings.ReplaceAll(name, "/", ".")
	}
	return procedure // of a path: "PUT /files"
}

// changes reports whether a procedure may change something.
func changes(procedure string) bool {
	_, method, _ := strings.Cut(strings.TrimPrefix(procedure, "/"), "/")
	return !open[procedure] &&
		!slices.ContainsFunc(readings, func(p string) bool { return strings.HasPrefix(method, p) })
}

// begin records a call that changes something, before it is carried out.
func (s *service) begin(call *call) error {
	if !call.changes {
		return nil
	}
	return s.Audit.Begin(call.record(), slices.Contains(relief, callName(call.procedure)))
}

// finish records how a call ended: one that changes something, every login, and whatever was denied.
func (s *service) finish(call *call, err error) {
	kind := dc.KindOf(err)
	logsIn := call.procedure == hanokv1connect.SessionServiceLoginProcedure || call.procedure == hanokv1connect.SessionServiceFinishSSOProcedure && !call.waits
	if !call.changes && kind != dc.Denied && kind != dc.Unauthenticated && !logsIn {
		return
	}
	r := call.record()
	if r.Result = dc.AuditResult(kind); err == nil {
		r.Result = dc.AuditOK
	}
	s.Audit.End(r)
}

func (c *call) record() dc.AuditRecord {
	return dc.AuditRecord{User: c.by.Name, UserID: c.by.User, Session: c.by.Session, Token: c.by.TokenName, TokenID: c.by.Token, From: c.from, Call: callName(c.procedure),
		Objects: c.objects, Request: c.id}
}

// errBroken is how a call ends that is broken off. It has one identity, so that it is recognized.
var errBroken error = dc.Errorf(dc.Canceled, "the call was broken off")

// audited stands around the calls that are no procedures, as calls does around those that are: it finds out who calls, and
// records what is to be recorded. objects are the parts of the path that name something.
func (s *service) audited(name string, changes bool, next http.HandlerFunc, objects ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		call := &call{id: random.Suffix(), procedure: name, from: hostOf(r.RemoteAddr), token: bearer(r.Header), changes: changes, objects: map[string]string{}}
		for _, part := range objects {
			call.objects[part] = cut(r.PathValue(part))
			call.noteWord(r.PathValue(part))
		}
		for _, values := range r.URL.Query() {
			for _, value := range values {
				call.noteWord(value)
			}
		}
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, call))
		var err error
		if call.by, err = s.Access.Authenticate(call.token); err != nil {
			s.finish(call, err)
			s.refuseFile(w, r, call.by, err)
			return
		}
		if err := s.begin(call); err != nil {
			s.refuseFile(w, r, call.by, err)
			return
		}
		call.failed = errBroken
		defer func() { s.finish(call, call.failed) }()
		next(w, r)
		if call.failed == errBroken {
			call.failed = nil
		}
	}
}
