package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"portrait/profile/tag"
	"portrait/schemas"
)

func catalogCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "catalog",
		Short: "Publish or show the catalogue of features and tags",
		Long: `The catalogue is data: features, tags and identifier rules in YAML. A deployment has one active
catalogue; its version is its offset in the catalogue topic, and every tag change names the version it was
decided under.

A rule is CEL over the profile's features and identifiers. Of a feature that has counted no event yet it reads
0, "", false, 1970-01-01, or 100 years if it is a recency: "min_order < 50.0" also holds for people who never
paid; "orders > 0 && min_order < 50.0" does not. The value of an identifier with a scope begins with it:
"'wxapp1:oA' in identifiers['openid']". In a feature, "where: {brand: {ne: acme}}" also holds for events without
the property; {ne: acme, exists: true} leaves them out. All of the format: schemas/catalog.schema.json.`,
		Example: `  portrait catalog show > catalogue.yaml
  portrait check catalogue.yaml
  portrait catalog publish catalogue.yaml`,
	}
	c.AddCommand(catalogPublishCommand(), catalogShowCommand())
	return c
}

func catalogPublishCommand() *cobra.Command {
	var at targetFlags
	c := &cobra.Command{
		Use:   "publish FILE",
		Short: "Make a file the active catalogue",
		Long: `Check a catalogue against the deployment, publish it and activate it on every partition, each at a point
of its own log. Features whose definition is unchanged keep their state; changed ones begin anew. Profiles
move over when they are touched and by a sweep in the background.

A catalogue that is not valid is refused with line, column and remedy of each fault, and the active one
stays. Publishing what is active already does nothing.`,
		Example: "  portrait catalog publish catalogue.yaml\n  portrait catalog publish catalogue.yaml --config portrait.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("catalogue: %w", err)
			}
			t, err := at.find()
			if err != nil {
				return err
			}
			a, err := t.admin(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), askTimeout)
			defer cancel()
			before := a.Catalog()
			version, err := a.PublishCatalog(ctx, text)
			if err != nil {
				return inFile(args[0], err)
			}
			compiled, err := compileCatalog(text, version, a.Deployment())
			if err != nil {
				return inFile(args[0], err)
			}
			what := "is active now"
			if version == before.Activated {
				what = "was active already"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %s\n", compiled.Label(), what, catalogSummary(compiled, a.Deployment()))
			return nil
		},
	}
	at.add(c)
	return c
}

func catalogShowCommand() *cobra.Command {
	var at targetFlags
	c := &cobra.Command{
		Use:     "show",
		Short:   "Print the active catalogue",
		Long:    `Print the deployment's latest catalogue as it was published, comments included; its version goes to stderr.`,
		Example: "  portrait catalog show > catalogue.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := at.find()
			if err != nil {
				return err
			}
			a, err := t.admin(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			p := a.Catalog()
			if p.Version == 0 {
				return &exitError{exitNotFound, errors.New("no catalogue was published yet; `portrait catalog publish FILE` does")}
			}
			compiled, err := compileCatalog(p.Text, p.Version, a.Deployment())
			if err != nil {
				return fmt.Errorf("the published catalogue: %w", err)
			}
			if p.Activated < p.Version {
				fmt.Fprintln(cmd.ErrOrStderr(), "not active on all partitions yet: publish it again, or start a service, to finish that")
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", compiled.Label(), catalogSummary(compiled, a.Deployment()))
			_, err = cmd.OutOrStdout().Write(p.Text)
			return err
		},
	}
	at.add(c)
	return c
}

func compileCatalog(text []byte, version int64, dep *schemas.Deployment) (*tag.Catalog, error) {
	parsed, err := schemas.ParseCatalog(text)
	if err != nil {
		return nil, err
	}
	return tag.Compile(parsed, version, dep)
}

// catalogSummary says in a line what a catalogue has.
func catalogSummary(c *tag.Catalog, dep *schemas.Deployment) string {
	return fmt.Sprintf("%d features, %d tags, a profile takes at most %.1f KiB of %d",
		len(c.Features), len(c.Tags), float64(c.Bound())/1024, dep.ProfileLimit>>10)
}
