// Command witness is an independent client: it writes to a load balancer every 10 ms with nothing but net/http and prints
// each outage of writes that it saw, as wall-clock times.
//
// It shares no code with Gauntlet on purpose: a failover time that Gauntlet prints can be checked against it.
//
//	witness -url http://127.0.0.1:18080 -for 60s
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// attempt is one write: when it was due, when it ended, and whether it was acknowledged.
type attempt struct {
	due, end time.Time
	ok       bool
}

// outage is a line of the output. Failover lies between the last failed write and the first one that worked for good: the
// server became able to write after LastBad was due and before FirstEnd.
type outage struct {
	LastOK    time.Time `json:"last_ok"`      // end of the last write acknowledged before it
	FirstBad  time.Time `json:"first_bad"`    // due time of the first write that failed
	LastBad   time.Time `json:"last_bad"`     // due time of the last write that failed
	FirstOK   time.Time `json:"first_ok"`     // due time of the first of 100 writes that all worked
	FirstEnd  time.Time `json:"first_ok_end"` // when that one was acknowledged
	Seconds   float64   `json:"seconds"`      // FirstOK - FirstBad
	BadWrites int       `json:"bad_writes"`   // between them
}

func main() {
	url := flag.String("url", "http://127.0.0.1:18080", "base URL of the load balancer")
	every := flag.Duration("every", 10*time.Millisecond, "time between writes")
	length := flag.Duration("for", 60*time.Second, "how long to write")
	limit := flag.Duration("limit", 500*time.Millisecond, "a slower answer counts as a failed write")
	flag.Parse()
	token, err := login(*url)
	if err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	}
	for _, o := range outages(watch(*url, token, *every, *length, *limit)) {
		line, _ := json.Marshal(o)
		fmt.Println(string(line))
	}
}

func login(base string) (string, error) {
	body := []byte(`{"user":1,"password":"password-1"}`)
	resp, err := http.Post(base+"/login", "application/json", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("login answered %s without a token (%v)", resp.Status, err)
	}
	return answer.Token, nil
}

// watch starts a write each tick, whatever became of the ones before, and returns all of them by due time.
func watch(base, token string, every, length, limit time.Duration) []attempt {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		all   []attempt
		begin = time.Now()
	)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	for due := begin; due.Sub(begin) < length; due = due.Add(every) {
		time.Sleep(time.Until(due))
		wg.Go(func() {
			ok := write(client, base, token, due.Add(time.Second)) && time.Since(due) <= limit
			mu.Lock()
			defer mu.Unlock()
			all = append(all, attempt{due, time.Now(), ok})
		})
	}
	wg.Wait()
	slices.SortFunc(all, func(a, b attempt) int { return a.due.Compare(b.due) })
	return all
}

func write(client *http.Client, base, token string, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/posts", io.NopCloser(bytes.NewReader([]byte(`{"text":"witness"}`))))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode/100 == 2
}

// stable is how many writes in a row must work before an outage is over.
const stable = 100

// outages cuts the attempts into outages: from the first bad write to the first of a stable run.
func outages(all []attempt) []outage {
	var out []outage
	var lastOK time.Time
	for i := 0; i < len(all); {
		if all[i].ok {
			lastOK = all[i].end
			i++
			continue
		}
		o := outage{LastOK: lastOK, FirstBad: all[i].due}
		run := 0
		for ; i < len(all) && run < stable; i++ {
			if run++; !all[i].ok {
				run, o.LastBad = 0, all[i].due
				o.BadWrites++
			} else if run == 1 {
				o.FirstOK, o.FirstEnd = all[i].due, all[i].end
			}
		}
		if run > 0 {
			o.Seconds = o.FirstOK.Sub(o.FirstBad).Seconds()
		} else {
			o.FirstOK, o.FirstEnd = time.Time{}, time.Time{}
		}
		out = append(out, o)
	}
	return out
}
