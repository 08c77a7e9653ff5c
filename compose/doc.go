// Package compose holds the topologies and their images, and starts and stops them with the user's own Compose tool.
//
// It is the only package that knows Compose files, image builds and published ports. Other packages get an inventory:
// which containers there are and how to reach them.
package compose
