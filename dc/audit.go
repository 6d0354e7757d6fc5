package dc

import "time"

// AuditResult is how a call ended: AuditBegun, AuditOK, or the kind of its error.
type AuditResult string

// The results that are no kinds of errors.
const (
	// AuditBegun is that of the record which is written before a call that changes something is carried out. The record of its end
	// has the same Request; where none follows, the power or the manager went in between.
	AuditBegun AuditResult = "begun"
	AuditOK    AuditResult = "ok"
	// AuditNote is that of what the audit log says of itself.
	AuditNote AuditResult = "note"
)

// AuditRecord is one line of the audit log. Package manager/audit writes it. It holds no secrets.
type AuditRecord struct {
	// Number counts from 1, without gaps over all files.
	Number int64 `json:"number"`
	// Time is when it was written, in UTC.
	Time time.Time `json:"time"`
	// User is the name of who called, and UserID his ID; both are "" where nobody was logged in.
	User   string `json:"user,omitempty"`
	UserID UserID `json:"userId,omitempty"`
	// Session is what he was logged in with.
	Session SessionID `json:"session,omitempty"`
	// Token is the name of the API token that he called with, and TokenID its ID; both are "" without one.
	Token   string     `json:"token,omitempty"`
	TokenID APITokenID `json:"tokenId,omitempty"`
	// From is the network address that the call came from.
	From string `json:"from,omitempty"`
	// Call is the name of the call in the contract, such as "VirtualMachineService.DeleteVirtualMachine", or "PUT /files".
	Call string `json:"call"`
	// Objects are the fields of the request that name something, as they came.
	Objects map[string]string `json:"objects,omitempty"`
	Result  AuditResult       `json:"result"`
	// Request is the ID of the call, which the log and the client's answer have, too.
	Request string `json:"request,omitempty"`
	// Message is what the audit log says of itself.
	Message string `json:"message,omitempty"`
	// Gap is the SHA-256 in hexadecimal of the bytes before this record that a crash has left of unfinished ones.
	Gap string `json:"gap,omitempty"`
	// Removed is the number of the last record that was removed with the oldest file, as the log is bounded.
	Removed int64 `json:"removed,omitempty"`
	// Previous is the SHA-256 in hexadecimal of the record before; "" in the first one.
	Previous string `json:"previous,omitempty"`
}

// AuditQuery says which records to list. What is zero leaves nothing out.
type AuditQuery struct {
	// User is the name of who called.
	User string
	// Call is a pattern as of path.Match: "UserService.*".
	Call string
	// Object is a value of Objects.
	Object string
	Result AuditResult
	// Request is the ID of a call.
	Request string
	// Since and Until bound the time.
	Since, Until time.Time
	// Limit is how many of the newest are listed at most.
	Limit int
}

// AuditReport is what the verification of an audit log has found.
type AuditReport struct {
	// Records is how many there are, First and Last the numbers of the oldest and newest, 0 where there are none.
	Records, First, Last int64
	// Head is the number and the SHA-256 of the newest record, with a colon between: who keeps it elsewhere can have it looked for later.
	Head string
	// Gaps is how many unfinished records crashes have left.
	Gaps int64
	// Problems are the places where the chain does not hold, in order; at most 100 of them.
	Problems []AuditProblem
}

// AuditProblem is a place where the chain of an audit log does not hold.
type AuditProblem struct {
	// File is the name of the file, and Line counts from 1 in it; 0 means the file as a whole.
	File string
	Line int
	// Number is that of the record, or 0.
	Number  int64
	Message string
}
