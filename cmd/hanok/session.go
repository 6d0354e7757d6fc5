package main

import (
	"context"
	"encoding/json"

	"hanok/api/hanok/v1"
	"hanok/internal/durable"
)

// keptSession is the content of session.json: the session that commands with --data and the initial login share, so that each of them
// does not log in and out, which would be most of what the list of events shows.
type keptSession struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// loginKept takes the session that was kept, if it is still one, and else opens another and keeps that. It ends by itself when nobody
// uses it.
func (c *client) loginKept(ctx context.Context) error {
	var k keptSession
	if readJSON(c.kept, &k) == nil && k.URL == c.server && k.Token != "" {
		c.token = k.Token
		if who, err := c.session.WhoAmI(ctx, &hanokv1.WhoAmIRequest{}); err == nil && who.Username == c.username {
			return nil
		}
		c.token = ""
	}
	if err := c.login(ctx); err != nil {
		return err
	}
	content, err := json.Marshal(keptSession{URL: c.server, Token: c.token})
	if err != nil {
		return err
	}
	// A folder that takes no file costs the next command a login, and nothing else.
	_ = durable.WriteFile(c.kept, content, 0o600)
	return nil
}
