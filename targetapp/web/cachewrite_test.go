package web

import (
	"strings"
	"testing"
)

func TestCacheWriteConfig(t *testing.T) {
	base := map[string]string{"APP_NAME": "web1", "APP_SECRET": "a long enough secret", "APP_DATABASES": "db1=10.0.0.1:5432"}
	for _, c := range []struct{ write, cache, naive, jobs, want string }{
		{"", "", "", "", ""},
		{"aside", "c=h:1", "true", "true", ""},
		{"through", "c=h:1", "", "true", ""},
		{"back", "c=h:1", "", "", ""},
		{"sideways", "c=h:1", "", "", "want aside, through or back"},
		{"through", "", "", "", "set APP_CACHE"},
		{"through", "c=h:1", "true", "", "naive"},
		{"back", "c=h:1", "", "true", "APP_JOBS"},
	} {
		got, err := ReadConfig(func(name string) string {
			switch name {
			case "APP_CACHE_WRITE":
				return c.write
			case "APP_CACHE":
				return c.cache
			case "APP_CACHE_NAIVE":
				return c.naive
			case "APP_JOBS":
				return c.jobs
			}
			return base[name]
		})
		if c.want == "" && (err != nil || c.write != "" && got.CacheWrite != c.write) {
			t.Errorf("%+v: %q, %v", c, got.CacheWrite, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %s", c, err, c.want)
		}
	}
}
