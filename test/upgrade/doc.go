// Package upgrade replaces the version before by this one below a data center that runs: the manager first, then host after host.
// The version before is what scripts/previous has built. The package has tests only.
package upgrade
