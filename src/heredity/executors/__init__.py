"""Where newborns develop: `inline`, in the loop's own process, or `processes`, side by side on this machine."""
