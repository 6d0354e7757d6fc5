// Package stats keeps what the hosts measure: the newest figures in memory, for alarms and the page of metrics, and the rolled-up
// ones on the manager's disk, by vSphere's intervals: 5 minutes for a day, 30 minutes for a week, 2 hours for a month. Samples of
// 20 s are the hosts' own; a query for them is passed on.
//
// Nothing of it is in the store of the inventory, none of it is in a backup, and a loss of it harms nothing else. What is measured
// is decided by dc (counters, readings, figures); how it comes here is dispatch's. The facades call Service.
package stats
