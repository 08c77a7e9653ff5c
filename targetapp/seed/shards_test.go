package seed

import (
	"strings"
	"testing"

	"gauntlet/targetapp/shard"
)

// A seeded post is in its author's bucket, since its id tells where it lives.
func TestAuthor(t *testing.T) {
	for n := int64(1); n <= 1000; n++ {
		for _, users := range []int{256, 300, 600} {
			if a := author(n, users); shard.Bucket(a) != shard.Bucket(n) || a < 1 || a > int64(users) {
				t.Errorf("post %d of %d users is by %d", n, users, a)
			}
		}
	}
}

func TestReadSharding(t *testing.T) {
	env := map[string]string{"APP_SHARDS": "s1=db1@h:1;s2=db2@h:2", "APP_SHARD_MAP": "h:2379", "APP_USERS": "256"}
	c, err := readConfig(func(k string) string { return env[k] })
	if err != nil || len(c.groups) != 2 || len(c.active) != 2 || c.strategy != shard.Directory {
		t.Errorf("got %+v, %v", c, err)
	}
	for name, value := range map[string]string{"APP_SHARDS": "s1", "APP_SHARD_MAP": "", "APP_SHARD_STRATEGY": "luck", "APP_SHARDS_ACTIVE": "s9", "APP_USERS": "200"} {
		old := env[name]
		env[name] = value
		if _, err := readConfig(func(k string) string { return env[k] }); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%q: %v, want an error that names it", name, value, err)
		}
		env[name] = old
	}
}
