// A FIX counterparty on QuickFIX/Go, which tests drive by lines of JSON: commands in, events out.
//
// It knows nothing of the acceptor under test but its address: what it accepts is what that engine and its
// dictionary of FIX 4.4 accept.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/quickfixgo/quickfix"
	"github.com/quickfixgo/quickfix/config"
	"github.com/quickfixgo/quickfix/store/file"
)

// Command is a line of input. Setup comes first, and says how the session is set; Password is sent with a Logon.
type Command struct {
	Do       string            `json:"do"`
	Settings map[string]string `json:"settings"`
	Password string            `json:"password"`
	Type     string            `json:"type"`
	Fields   map[string]string `json:"fields"`
	Number   int               `json:"number"`
}

// Event is a line of output: logon, logout, in or out (with the message), done or failed (of a command).
type Event struct {
	Event   string `json:"event"`
	Message string `json:"message,omitempty"`
}

var output sync.Mutex

func say(event, message string) {
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(Event{event, message}); err != nil {
		os.Exit(1)
	}
}

type application struct{ password string }

func (a *application) OnCreate(quickfix.SessionID) {}
func (a *application) OnLogon(quickfix.SessionID)  { say("logon", "") }
func (a *application) OnLogout(quickfix.SessionID) { say("logout", "") }

func (a *application) ToAdmin(message *quickfix.Message, _ quickfix.SessionID) {
	if message.IsMsgTypeOf("A") {
		message.Body.SetString(554, a.password)
		return // and say nothing of it: it has the password
	}
	say("out", message.String())
}

func (a *application) ToApp(message *quickfix.Message, _ quickfix.SessionID) error {
	say("out", message.String())
	return nil
}

func (a *application) FromAdmin(message *quickfix.Message, _ quickfix.SessionID) quickfix.MessageRejectError {
	say("in", message.String())
	return nil
}

func (a *application) FromApp(message *quickfix.Message, _ quickfix.SessionID) quickfix.MessageRejectError {
	say("in", message.String())
	return nil
}

type engine struct {
	settings  *quickfix.Settings
	session   quickfix.SessionID
	app       *application
	initiator *quickfix.Initiator
}

func setUp(command Command) (*engine, error) {
	settings := quickfix.NewSettings()
	session := quickfix.NewSessionSettings()
	for name, value := range command.Settings {
		session.Set(name, value)
	}
	settings.GlobalSettings().Set(config.FileStorePath, command.Settings[config.FileStorePath])
	id, err := settings.AddSession(session)
	if err != nil {
		return nil, err
	}
	made := &engine{settings: settings, session: id, app: &application{command.Password}}
	made.initiator, err = quickfix.NewInitiator(made.app, file.NewStoreFactory(settings), settings, quickfix.NewNullLogFactory())
	return made, err
}

func (e *engine) do(command Command) error {
	switch command.Do {
	case "start":
		return e.initiator.Start()
	case "stop":
		e.initiator.Stop()
		return nil
	case "send":
		message := quickfix.NewMessage()
		message.Header.SetString(35, command.Type)
		for tag, value := range command.Fields {
			number, err := strconv.Atoi(tag)
			if err != nil {
				return err
			}
			message.Body.SetString(quickfix.Tag(number), value)
		}
		return quickfix.SendToTarget(message, e.session)
	case "next_in":
		return quickfix.SetNextTargetMsgSeqNum(e.session, command.Number)
	case "next_out":
		return quickfix.SetNextSenderMsgSeqNum(e.session, command.Number)
	}
	return fmt.Errorf("no command %q", command.Do)
}

func main() {
	var running *engine
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var command Command
		err := json.Unmarshal(lines.Bytes(), &command)
		if err == nil && command.Do == "setup" {
			running, err = setUp(command)
		} else if err == nil {
			err = running.do(command)
		}
		if err != nil {
			say("failed", err.Error())
			continue
		}
		say("done", command.Do)
	}
}
