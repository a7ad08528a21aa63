"""What a studio runs to deliver: files of any size, in parallel parts, resumed wherever they were interrupted."""
