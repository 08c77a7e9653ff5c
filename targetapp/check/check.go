// Package check asks one URL once and says whether it is well. It is the health check of containers whose image holds
// nothing but this executable, and so has neither curl nor a shell.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Limit bounds the whole question, from dialling to the last byte.
const Limit = time.Second

// ErrUnhealthy is wrapped when the URL answered with something else than 2xx, or not in time.
var ErrUnhealthy = errors.New("check: not healthy")

// URL returns nil if the URL answers 2xx within [Limit]. Redirects are not followed: they are no 2xx.
func URL(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 200))
	if res.StatusCode/100 != 2 || err != nil {
		return fmt.Errorf("%w: %s answered %s: %s", ErrUnhealthy, url, res.Status, body)
	}
	return nil
}
