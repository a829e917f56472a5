"""Stage 1, who and where: sites, designs, partners, projects and the milestones they reached."""
