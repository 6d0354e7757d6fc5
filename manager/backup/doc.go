// Package backup makes one file of a data center's manager, and says what becomes of the store that is restored from it.
//
// An Archive is a tar file: what it is (Header), the objects of the store at one revision, the contents of the images, and at
// the end the SHA-256 of everything before. So a file that was cut off or altered, by one byte anywhere, is refused. The Service
// writes one while the manager runs; Contents turns one into what store.RestoreEmbedded and store.RestoreExternal write.
//
// What must not come back to life is not in it: sessions, which may have been ended since, join tokens, which may have been used,
// and who had the store. Disks of virtual machines are not in it: they are on the hosts.
//
// It knows no folders of a manager besides that of its images, and no command line: cmd does the rest of a restore.
package backup
