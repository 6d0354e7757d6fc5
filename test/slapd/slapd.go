// Package slapd runs Debian's OpenLDAP server for tests, in a folder of its own, on loopback, with a certificate of an authority of its
// own. It is no part of the program; tests of identity sources call it.
package slapd

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hanok/internal/pki"
)

// The entries that every server has at first.
const (
	Suffix   = "dc=example,dc=com"
	BindDN   = "cn=hanok," + Suffix
	Password = "searches-for-hanok"
	Users    = "ou=people," + Suffix
	Groups   = "ou=groups," + Suffix
)

// tree is the directory: alice is in web, which is in staff, which is in loop and has it in it; bob is in nothing; the sly one's name is
// made of a filter; and an entry refers to another server.
const tree = `dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

dn: uid=alice,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: Alice
cn: Alice
sn: Example
userPassword: alice-has-a-password

dn: uid=bob,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Example
userPassword: bob-has-a-password

dn: uid=sly\2C*,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
uid: sly,*
cn: Sly (*)
sn: Example
userPassword: sly-has-a-password

dn: ou=away,ou=people,dc=example,dc=com
objectClass: referral
objectClass: extensibleObject
ou: away
ref: ldap://127.0.0.1:1/ou=away,dc=example,dc=com

dn: cn=web,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: web
member: uid=alice,ou=people,dc=example,dc=com
member: uid=sly\2C*,ou=people,dc=example,dc=com

dn: cn=staff,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: Staff
member: cn=web,ou=groups,dc=example,dc=com
member: cn=loop,ou=groups,dc=example,dc=com

dn: cn=loop,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: loop
member: cn=staff,ou=groups,dc=example,dc=com

dn: cn=other,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: other
member: cn=nobody,dc=example,dc=com
`

const config = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP organizationalPerson STRUCTURAL MAY ( sAMAccountName $ userPrincipalName $ objectCategory $ objectGUID $ userAccountControl ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( member $ sAMAccountName $ objectGUID ) )
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile %[1]s/cert.pem
TLSCertificateKeyFile %[1]s/key.pem
database mdb
suffix "dc=example,dc=com"
rootdn "cn=hanok,dc=example,dc=com"
rootpw searches-for-hanok
directory %[1]s/db
access to attrs=userPassword by anonymous auth by * none
access to * by * none
`

// Server is a directory. Its methods fail the test.
type Server struct {
	// Secure and Plain are its URLs, ldaps:// and ldap://, and CA is what vouches for it, in PEM form.
	Secure, Plain string
	CA            []byte

	t      testing.TB
	folder string
	cmd    *exec.Cmd
}

// Start starts a server, which ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, folder: t.TempDir(), Secure: "ldaps://" + address(t), Plain: "ldap://" + address(t)}
	authority, err := pki.NewCA(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.CA = authority.PEM()
	cert, err := authority.IssueServer([]string{"127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	s.write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
	s.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	s.write("slapd.conf", fmt.Appendf(nil, config, s.folder))
	s.write("tree.ldif", []byte(tree))
	if err := os.Mkdir(filepath.Join(s.folder, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.run("/usr/sbin/slapadd", "-f", filepath.Join(s.folder, "slapd.conf"), "-l", filepath.Join(s.folder, "tree.ldif"))
	t.Cleanup(s.Stop)
	s.Resume()
	return s
}

// address returns one of loopback that nobody listens at.
func address(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func (s *Server) write(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) run(name string, args ...string) {
	s.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Resume starts the server anew, where it was stopped, and returns when it answers.
func (s *Server) Resume() {
	s.t.Helper()
	s.cmd = exec.Command("/usr/sbin/slapd", "-f", filepath.Join(s.folder, "slapd.conf"), "-h", s.Secure+" "+s.Plain, "-d", "0")
	var out bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &out, &out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := net.Dial("tcp", s.Plain[len("ldap://"):])
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("slapd does not listen: %v\n%s", err, out.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop ends the server; it may be started anew.
func (s *Server) Stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Modify changes entries as an LDIF file says (ldapmodify).
func (s *Server) Modify(ldif string) {
	s.t.Helper()
	s.write("change.ldif", []byte(ldif))
	s.run("/usr/bin/ldapmodify", "-x", "-H", s.Plain, "-D", BindDN, "-w", Password, "-f", filepath.Join(s.folder, "change.ldif"))
}
