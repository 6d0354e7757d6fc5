package convert

import (
	"hanok/api/hanok/v1"
	"hanok/dc"
)

// AuditRecord returns a record of the audit log as the contract has it.
func AuditRecord(r dc.AuditRecord) *hanokv1.AuditRecord {
	return &hanokv1.AuditRecord{
		Number: r.Number, Time: Time(r.Time), User: r.User, UserId: string(r.UserID), SessionId: string(r.Session), From: r.From,
		Call: r.Call, Objects: r.Objects, Result: string(r.Result), RequestId: r.Request, Message: r.Message,
		ApiToken: r.Token, ApiTokenId: string(r.TokenID),
	}
}

// AuditReport returns what a verification of the audit log has found as the contract has it.
func AuditReport(r *dc.AuditReport) *hanokv1.AuditReport {
	out := &hanokv1.AuditReport{Records: r.Records, First: r.First, Last: r.Last, Head: r.Head, Gaps: r.Gaps}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, &hanokv1.AuditProblem{File: p.File, Line: int32(p.Line), Number: p.Number, Message: p.Message})
	}
	return out
}
