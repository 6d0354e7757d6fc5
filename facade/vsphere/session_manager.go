package vsphere

import (
	"net/http"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"hanok/dc"
)

// locale is the language of messages.
const locale = "en"

func init() {
	login := do("SessionManager", (*call).login)
	login.logsIn = true
	logout := changing("SessionManager", (*call).logout)
	logout.helps = true
	register(map[string]method{
		"Login": login, "Logout": logout,
		"SessionIsActive": do("SessionManager", (*call).sessionIsActive),
	})
}

func (c *call) login(r *types.Login) (any, error) {
	c.objects["username"] = r.UserName
	token, by, err := c.Access.Login(c.ctx, c.from, r.UserName, r.Password)
	if dc.KindOf(err) == dc.Unauthenticated {
		return nil, faultf(&types.InvalidLogin{}, "Cannot complete login due to an incorrect user name or password.")
	}
	if err != nil {
		return nil, err
	}
	c.by, c.session = by, c.sessions.of(token, by)
	http.SetCookie(c.w, &http.Cookie{Name: cookieName, Value: token, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode})
	return c.userSession(), nil
}

func (c *call) logout(*types.Logout) (any, error) {
	if err := c.Access.Logout(c.ctx, c.by); err != nil {
		return nil, err
	}
	c.sessions.end(c.token)
	http.SetCookie(c.w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1})
	return nil, nil
}

func (c *call) sessionIsActive(r *types.SessionIsActive) (any, error) {
	return r.SessionID == c.session.key() && r.UserName == c.by.Name, nil
}

// userSession returns the caller's session.
func (c *call) userSession() types.UserSession {
	return types.UserSession{
		Key: c.session.key(), UserName: c.by.Name, FullName: c.by.Name, LoginTime: c.session.login.UTC(), LastActiveTime: time.Now().UTC(),
		Locale: locale, MessageLocale: locale, IpAddress: c.from, CallCount: 0,
	}
}
