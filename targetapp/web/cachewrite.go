package web

import (
	"cmp"
	"errors"
	"fmt"
)

// What a write does with the cache, as APP_CACHE_WRITE says.
const (
	WriteAside   = "aside"   // it marks what it made outdated, the default
	WriteThrough = "through" // it renews it within the request
	WriteBack    = "back"    // a post is acknowledged by the cache and reaches the database later
)

// readCacheWrite is called when all else is read.
func (c *Config) readCacheWrite(how string) error {
	c.CacheWrite = cmp.Or(how, WriteAside)
	switch {
	case c.CacheWrite != WriteAside && c.CacheWrite != WriteThrough && c.CacheWrite != WriteBack:
		return fmt.Errorf("APP_CACHE_WRITE is %q, want %s, %s or %s", how, WriteAside, WriteThrough, WriteBack)
	case c.CacheWrite == WriteAside:
		return nil
	case len(c.Cache) == 0:
		return fmt.Errorf("APP_CACHE_WRITE is %s, but there is no cache; set APP_CACHE", how)
	case c.CacheNaive:
		return fmt.Errorf("APP_CACHE_WRITE is %s, which a naive cache does not know; leave out one of them", how)
	case c.CacheWrite == WriteBack && c.Jobs:
		return errors.New("APP_CACHE_WRITE is back, but a job is written with its post (APP_JOBS); leave out one of them")
	}
	return nil
}
